-- One transfer between two of 10,000 accounts, in a transaction of its own.
\set debit random(1, 10000)
\set credit (:debit + random(0, 9998)) % 10000 + 1
SELECT create_transfer(gen_random_uuid(), account_id(:debit), account_id(:credit), 1, 'INR', 0, '');
