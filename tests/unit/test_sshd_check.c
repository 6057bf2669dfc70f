/* What sshd says of itself: settings under which it could let somebody in without pam_mtls are
 * refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/macros.h"
#include "gatewayd/spawn/sshd_check.h"

#define GOOD                                                                                       \
    "port 22\nusepam yes\nauthenticationmethods none\npubkeyauthentication no\n"                   \
    "kbdinteractiveauthentication no\n"

static const struct {
    const char *name, *settings;
    bool safe;
} cases[] = {
    {"9.2", GOOD, true},
    {"9.8 with our service", GOOD "pamservicename sshd-gw\n", true},
    {"no newline at the end", GOOD "x y", true},
    {"no answer", "", false},
    {"9.8 with its default", GOOD "pamservicename sshd\n", false},
    {"without PAM",
     "usepam no\nauthenticationmethods none\npubkeyauthentication no\nkbdinteractiveauthentication "
     "no\n",
     false},
    {"any method",
     "usepam yes\nauthenticationmethods any\npubkeyauthentication no\nkbdinteractiveauthentication "
     "no\n",
     false},
    {"keys",
     "usepam yes\nauthenticationmethods none\npubkeyauthentication "
     "yes\nkbdinteractiveauthentication no\n",
     false},
    {"prompts",
     "usepam yes\nauthenticationmethods none\npubkeyauthentication "
     "no\nkbdinteractiveauthentication yes\n",
     false},
    {"a keyword that only ends so",
     "xusepam yes\nauthenticationmethods none\npubkeyauthentication "
     "no\nkbdinteractiveauthentication no\n",
     false},
    {"a value that only begins so",
     "usepam yesno\nauthenticationmethods none\npubkeyauthentication "
     "no\nkbdinteractiveauthentication no\n",
     false},
    {"a keyword without a value",
     "usepam\nauthenticationmethods none\npubkeyauthentication no\nkbdinteractiveauthentication "
     "no\n",
     false},
};

static void test_settings(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct error err;

        if (sshd_settings_are_safe(bytes_of(cases[i].settings), "sshd-gw", &err) != cases[i].safe)
            fail_msg("%s", cases[i].name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_settings)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
