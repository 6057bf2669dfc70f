/*
 * Session ids. `decide` makes them; everybody compares and prints them.
 */
#include "common/session_id.h"

#include <stdlib.h>
#include <sys/random.h>

enum { TIME_LEN = 6 };

struct session_id session_id_new(int64_t now_ms)
{
    struct session_id id;

    for (size_t i = 0; i < TIME_LEN; i++)
        id.octets[i] = (uint8_t)((uint64_t)now_ms >> (8 * (TIME_LEN - 1 - i)));
    if (getrandom(id.octets + TIME_LEN, SESSION_ID_LEN - TIME_LEN, 0) != SESSION_ID_LEN - TIME_LEN)
        abort();
    return id;
}

void session_id_format(const struct session_id *id, char out[SESSION_ID_TEXT_LEN + 1])
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < SESSION_ID_LEN; i++) {
        out[2 * i] = digits[id->octets[i] >> 4];
        out[2 * i + 1] = digits[id->octets[i] & 15];
    }
    out[SESSION_ID_TEXT_LEN] = '\0';
}

static int digit(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool session_id_parse(struct bytes text, struct session_id *ret_id)
{
    struct session_id id;

    if (text.len != SESSION_ID_TEXT_LEN)
        return false;
    for (size_t i = 0; i < SESSION_ID_LEN; i++) {
        int high = digit(text.at[2 * i]), low = digit(text.at[2 * i + 1]);

        if (high < 0 || low < 0)
            return false;
        id.octets[i] = (uint8_t)(high << 4 | low);
    }
    *ret_id = id;
    return true;
}

bool session_id_equal(const struct session_id *a, const struct session_id *b)
{
    return memcmp(a->octets, b->octets, SESSION_ID_LEN) == 0;
}
