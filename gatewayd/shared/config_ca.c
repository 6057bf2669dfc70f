/*
 * Values of ca sections. Runs wherever a configuration is read; the text is an operator's.
 */
#include "gatewayd/shared/config_ca.h"

#include <string.h>
#include <time.h>

static bool parse_day(const char *text, int64_t *ret_s)
{
    struct tm tm = {.tm_year = 0};
    char again[16];
    const char *end = strptime(text, "%Y-%m-%d", &tm);
    time_t begin;

    if (!end || *end != '\0' || strlen(text) != strlen("2027-03-15"))
        return false;
    begin = timegm(&tm);
    /* A day that there is not, the 31st of June, has become another one. */
    if (strftime(again, sizeof(again), "%Y-%m-%d", &tm) == 0 || strcmp(again, text) != 0)
        return false;
    *ret_s = (int64_t)begin;
    return true;
}

bool config_eku_parse(const char *text, int64_t *ret_strict_s)
{
    static const char until[] = "allow-until:";

    if (strcmp(text, "strict") == 0)
        *ret_strict_s = INT64_MIN;
    else if (strcmp(text, "warn") == 0)
        *ret_strict_s = INT64_MAX;
    else
        return strncmp(text, until, sizeof(until) - 1) == 0 &&
               parse_day(text + sizeof(until) - 1, ret_strict_s);
    return true;
}

int64_t config_eku_strict_s(const char *text)
{
    int64_t strict_s;

    return text && config_eku_parse(text, &strict_s) ? strict_s : INT64_MIN;
}

bool config_oid_is_good(const char *text)
{
    enum { OID_MAX = 128, ARC_DIGITS_MAX = 9 };
    size_t digits = 0, arcs = 1;

    if (strlen(text) > OID_MAX || text[0] < '0' || text[0] > '2' || text[1] != '.')
        return false;
    for (const char *at = text; *at; at++) {
        if (*at == '.') {
            if (digits == 0)
                return false;
            digits = 0;
            arcs++;
        } else if (*at < '0' || *at > '9' || ++digits > ARC_DIGITS_MAX ||
                   (digits == 2 && at[-1] == '0')) {
            return false;
        }
    }
    return digits > 0 && arcs >= 2;
}
