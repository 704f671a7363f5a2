-- What one Florin transfer means, in PostgreSQL: accounts with running totals, transfers with a
-- unique id and both balances after them, an index for each account's history, and one stored
-- function that checks the rules and posts. Amounts are bigint, which is cheaper than the 128 bits
-- that the ledger has, and there is no event written with the transfer: in PostgreSQL's favour.

CREATE TABLE accounts (
    id             uuid PRIMARY KEY,
    owner_id       uuid NOT NULL,
    currency       text NOT NULL,
    debits_posted  bigint NOT NULL DEFAULT 0 CHECK (debits_posted >= 0),
    credits_posted bigint NOT NULL DEFAULT 0 CHECK (credits_posted >= 0),
    credit_limit   bigint NOT NULL DEFAULT 0,
    frozen_debit   boolean NOT NULL DEFAULT false,
    frozen_credit  boolean NOT NULL DEFAULT false,
    closed         boolean NOT NULL DEFAULT false
) WITH (fillfactor = 50); -- Room for updates in the same page (HOT): no index is touched.

CREATE TABLE profiles (
    owner_id uuid PRIMARY KEY,
    tier     text NOT NULL,
    may_post boolean NOT NULL
);

CREATE TABLE transfers (
    id                uuid PRIMARY KEY,
    debit_account_id  uuid NOT NULL,
    credit_account_id uuid NOT NULL,
    amount            bigint NOT NULL CHECK (amount > 0),
    currency          text NOT NULL,
    code              integer NOT NULL,
    description       text NOT NULL,
    debit_after       bigint NOT NULL, -- Balances after the transfer.
    credit_after      bigint NOT NULL,
    created_at        timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX transfers_of_debit_account ON transfers (debit_account_id, created_at);
CREATE INDEX transfers_of_credit_account ON transfers (credit_account_id, created_at);

CREATE FUNCTION account_id(number integer) RETURNS uuid
    LANGUAGE sql IMMUTABLE AS $$ SELECT md5(number::text)::uuid $$;

-- Answers CREATED, EXISTS or the reason why not, in the ledger's order of reasons.
CREATE FUNCTION create_transfer(asked_id uuid, debit_id uuid, credit_id uuid, asked_amount bigint,
                                asked_currency text, asked_code integer, asked_description text)
    RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    existing transfers;
    debit    accounts;
    credit   accounts;
BEGIN
    SELECT * INTO existing FROM transfers WHERE id = asked_id;
    IF FOUND THEN
        IF (existing.debit_account_id, existing.credit_account_id, existing.amount,
            existing.currency, existing.code, existing.description) =
           (debit_id, credit_id, asked_amount, asked_currency, asked_code, asked_description)
        THEN RETURN 'EXISTS'; END IF;
        RETURN 'EXISTS_WITH_DIFFERENT';
    END IF;
    IF debit_id = credit_id THEN RETURN 'ACCOUNTS_MUST_DIFFER'; END IF;
    IF asked_amount <= 0 THEN RETURN 'AMOUNT_MUST_NOT_BE_ZERO'; END IF;

    -- Always in the same order: two transfers between the same accounts must not wait for each
    -- other.
    IF debit_id < credit_id THEN
        SELECT * INTO debit FROM accounts WHERE id = debit_id FOR NO KEY UPDATE;
        SELECT * INTO credit FROM accounts WHERE id = credit_id FOR NO KEY UPDATE;
    ELSE
        SELECT * INTO credit FROM accounts WHERE id = credit_id FOR NO KEY UPDATE;
        SELECT * INTO debit FROM accounts WHERE id = debit_id FOR NO KEY UPDATE;
    END IF;
    IF debit.id IS NULL THEN RETURN 'DEBIT_ACCOUNT_NOT_FOUND'; END IF;
    IF credit.id IS NULL THEN RETURN 'CREDIT_ACCOUNT_NOT_FOUND'; END IF;
    IF debit.currency <> asked_currency OR credit.currency <> asked_currency
    THEN RETURN 'CURRENCY_MISMATCH'; END IF;
    IF debit.closed OR credit.closed THEN RETURN 'ACCOUNT_CLOSED'; END IF;
    IF debit.frozen_debit OR credit.frozen_credit THEN RETURN 'ACCOUNT_FROZEN'; END IF;
    IF (SELECT count(*) FROM profiles
        WHERE owner_id IN (debit.owner_id, credit.owner_id) AND may_post) < 2
    THEN RETURN 'KYC_LIMIT_EXCEEDED'; END IF;
    IF debit.debits_posted + asked_amount > debit.credits_posted + debit.credit_limit
    THEN RETURN 'INSUFFICIENT_FUNDS'; END IF;

    UPDATE accounts SET debits_posted = debits_posted + asked_amount WHERE id = debit_id;
    UPDATE accounts SET credits_posted = credits_posted + asked_amount WHERE id = credit_id;
    INSERT INTO transfers (id, debit_account_id, credit_account_id, amount, currency, code,
                           description, debit_after, credit_after)
    VALUES (asked_id, debit_id, credit_id, asked_amount, asked_currency, asked_code,
            asked_description,
            debit.credits_posted - debit.debits_posted - asked_amount,
            credit.credits_posted - credit.debits_posted + asked_amount);
    RETURN 'CREATED';
END $$;

INSERT INTO accounts (id, owner_id, currency, credits_posted)
    SELECT account_id(n), account_id(-n), 'INR', 1000000000000 FROM generate_series(1, 10000) AS n;
INSERT INTO profiles SELECT owner_id, 'T3', true FROM accounts;
VACUUM ANALYZE;
