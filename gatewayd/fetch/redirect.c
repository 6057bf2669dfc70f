/*
 * Redirections. Runs in fetch on what any web server says: it must not be able to send this process
 * to services of this machine or its network that trust whoever reaches them.
 */
#include "gatewayd/fetch/redirect.h"

#include "common/text.h"
#include "gatewayd/shared/fetch_url.h"

#include <string.h>

enum { HTTP_PORT = 80 };

bool redirect_check(const char *from, const char *to, struct error *err)
{
    struct fetch_url origin, target;

    if (!fetch_url_parse(from, &origin, err) || !fetch_url_parse(to, &target, err))
        return false;
    if (target.scheme != FETCH_HTTP || origin.scheme != FETCH_HTTP)
        return err_set(err, REASON_FETCH_REFUSED, "redirected to what is not http");
    if (!text_equal_nocase(bytes_of(origin.host), bytes_of(target.host)))
        return err_set(err, REASON_FETCH_REFUSED, "redirected to another host: %.100s",
                       target.host);
    if (target.port != origin.port && target.port != HTTP_PORT)
        return err_set(err, REASON_FETCH_REFUSED, "redirected to another port: %u", target.port);
    return true;
}

bool redirect_address_is_local(const struct address *address)
{
    static const uint8_t zeros[16];
    const uint8_t *v4 = address->octets + 12;

    if (!address->known)
        return true;
    if (address_is_v4(address)) /* 0/8, 127/8, 169.254/16 */
        return v4[0] == 0 || v4[0] == 127 || (v4[0] == 169 && v4[1] == 254);
    if (memcmp(address->octets, zeros, 15) == 0) /* ::, ::1 */
        return address->octets[15] <= 1;
    return address->octets[0] == 0xfe && (address->octets[1] & 0xc0) == 0x80; /* fe80::/10 */
}

bool redirect_url_is_local(const char *url)
{
    struct fetch_url parsed;
    struct address address;

    if (!fetch_url_parse(url, &parsed, NULL))
        return false;
    if (address_parse(bytes_of(parsed.host), &address, NULL))
        return redirect_address_is_local(&address);
    return text_equal_nocase(bytes_of(parsed.host), bytes_of("localhost"));
}
