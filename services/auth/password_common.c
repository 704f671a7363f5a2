// The passwords that are tried first: folded (lower case, letters and digits only), in byte order.
// Short words are here because digits and signs behind a word are cut off before it is looked up.
#include "services/auth/password.h"

#include <stdlib.h>
#include <string.h>

// clang-format off
static const char *const common[] = {
    "00000000", "0123456789", "11111111", "11223344", "112233445566", "123123123", "123321123",
    "12341234", "12344321", "123454321", "12345678", "123456789", "1234567890", "1234qwer",
    "123698745", "123qwe123", "123qweasd", "12qwaszx", "135792468", "147258369", "159357258",
    "1q2w3e4r", "1q2w3e4r5t", "1q2w3e4r5t6y", "1qaz2wsx", "1qaz2wsx3edc", "1qazxsw2", "20002000",
    "22222222", "246813579", "31415926", "314159265", "456789123", "55555555", "66666666",
    "741852963", "77777777", "789456123", "87654321", "88888888", "987654321", "9876543210",
    "99999999", "a12345678", "a123456789", "a1b2c3d4", "a1b2c3d4e5", "aa123456", "abc",
    "abc12345", "abc123abc", "abcd", "abcd1234", "abcdabcd", "abcdefgh", "abcdefghi", "admin",
    "admin123", "admin1234", "adminadmin", "administrator", "alejandro", "alexander", "alexandra",
    "america1", "andrew123", "android1", "anthony1", "arsenal123", "asdf", "asdf1234", "asdfasdf",
    "asdfghjk", "asdfghjkl", "asdfqwer", "ashley123", "asshole1", "autumn", "autumn123", "azerty",
    "azertyuiop", "babygirl", "bailey123", "bangalore", "bank", "banking", "barcelona",
    "baseball", "baseball1", "basketball", "batman123", "benjamin", "bestfriend", "bharat123",
    "blackberry", "blahblah", "blessed1", "blueberry", "bonjour1", "brittany", "brother1",
    "bullshit", "business", "buster123", "butterfly", "cassandra", "changeme", "changeme1",
    "changeme123", "charlie1", "cheesecake", "chelsea123", "cheyenne", "chocolate", "christian",
    "christina", "christopher", "cinnamon", "computer", "computer1", "cookie123", "corvette",
    "cowboys1", "cricket", "cricket123", "cupcake123", "daddy123", "daniel123", "danielle",
    "december", "default1", "default123", "delhi123", "diamond1", "dolphins", "dragon",
    "dragon123", "dragonball", "dragons1", "eagle123", "elephant", "elizabeth", "eminem123",
    "england1", "facebook", "falcon123", "family", "family123", "familyfirst", "father123",
    "february", "fernando", "ferrari1", "florin", "florin123", "florinbank", "flower",
    "flower123", "flowers1", "football", "football1", "forever1", "forever21", "francisco",
    "freedom1", "friday", "friday13", "friends1", "fuckyou1", "fuckyou123", "fuckyou2",
    "gabriel1", "ganesh123", "germany1", "ginger123", "godisgood", "godzilla", "goldfish",
    "goodluck", "goodmorning", "google", "google123", "guest", "guest123", "guestguest",
    "hallo123", "harley123", "hello", "hello123", "hello1234", "hellohello", "hotmail1",
    "hottie123", "hyderabad", "ilovegod", "iloveme123", "iloveyou", "iloveyou1", "iloveyou2",
    "iloveyousomuch", "india", "india123", "instagram", "internet", "internet1", "iphone123",
    "ironman123", "jaishreeram", "january1", "jennifer", "jessica1", "jesus123", "jesuschrist",
    "jonathan", "jordan123", "jordan23", "joseph123", "juventus", "katherine", "kingkong",
    "krishna1", "krishna123", "lakers24", "letmein", "letmein1", "letmein123", "letmeinnow",
    "liberty1", "linkedin", "lion1234", "liverpool", "liverpool1", "lkjhgfdsa", "login",
    "login123", "love", "lovelove", "lovely", "lovely123", "loverboy", "lovergirl", "loveyou123",
    "lucky", "lucky123", "lucky777", "maggie123", "manchester", "margaret", "master", "master123",
    "mastermaster", "matthew1", "maverick", "mercedes", "mercury1", "metallica", "michael1",
    "michelle", "microsoft", "midnight", "minecraft", "mnbvcxz123", "mommy123", "monday",
    "monday123", "money", "money123", "moneymoney", "monkey", "monkey123", "moonlight",
    "mother123", "mumbai123", "mustang1", "mypassword", "namaste1", "nathaniel", "newpassword",
    "nicole123", "nintendo", "nirvana1", "nothing1", "november", "october1", "omsairam",
    "packers1", "panther1", "pass1234", "passw0rd", "password", "password1", "passwordpassword",
    "passwords", "passwort", "patricia", "patriots", "peanut123", "penguin1", "pepper123",
    "pikachu123", "platinum", "playstation", "poiuytrewq", "pokemon123", "porsche911",
    "prince123", "princess", "princess1", "pussycat", "q1w2e3r4", "q1w2e3r4t5", "qazwsx123",
    "qazwsxedc", "qweasd123", "qweasdzxc", "qwer1234", "qwerty", "qwerty11", "qwerty12",
    "qwerty123", "qwerty1234", "qwerty12345", "qwertyqwerty", "qwertyui", "qwertyuiop", "qwertz",
    "qwertzui", "qwertzuiop", "rainbow123", "rainbows", "realmadrid", "redskins", "robert123",
    "root", "root1234", "rootroot", "sachin123", "saibaba1", "samantha", "samsung", "samsung1",
    "samsung123", "scooter1", "scorpion", "scotland", "sebastian", "secret", "secret123",
    "secretsecret", "september1", "sexysexy", "shadow", "shadow12", "shadow123", "sister12",
    "skywalker", "slipknot", "snowball", "softball", "something", "spiderman", "spring",
    "spring123", "starlight", "startrek", "starwars", "steelers", "stephanie", "strawberry",
    "success1", "summer", "summer123", "sunflower", "sunshine", "sunshine1", "superman",
    "sweetheart", "swimming", "temp1234", "temporary", "test", "test1234", "tester123",
    "testing123", "testtest", "thepassword", "thomas123", "tiger123", "tigger123", "topsecret",
    "trustno1", "user", "user1234", "username", "valentina", "veronica", "victoria", "volleyball",
    "welcome", "welcome1", "welcome123", "welcomehome", "whatever", "whatever1", "whatsapp",
    "william1", "windows10", "windows123", "winter", "winter123", "wolverine", "xbox360x",
    "yamaha123", "yankees1", "youtube123", "zaq12wsx", "zaq1xsw2", "zxcv", "zxcv1234", "zxcvbn",
    "zxcvbnm", "zxcvbnm123", "zxcvbnmasd",
};

// clang-format on

static int compare(const void *key, const void *entry)
{
    return strcmp(key, *(const char *const *)entry);
}

bool auth_password_is_common(const char *folded)
{
    const size_t count = sizeof common / sizeof common[0];
    return bsearch(folded, common, count, sizeof common[0], compare) != NULL;
}
