/*
 * PROXY headers. Runs in an edge; a proxy is trusted with its clients' addresses, not with its
 * form: a header that is not exactly one is refused, and never guessed at.
 */
#include "gatewayd/edge/proxy_accept.h"

#include "common/reader.h"
#include "common/text.h"

/* --- version 1 -------------------------------------------------------------------------------- */

/* The next word; exactly one blank separates them. */
static struct bytes next_word(struct bytes *line)
{
    const uint8_t *blank = line->len > 0 ? memchr(line->at, ' ', line->len) : NULL;
    struct bytes word = {line->at, blank ? (size_t)(blank - line->at) : line->len};
    size_t len = word.len + (blank ? 1 : 0);

    line->at += len;
    line->len -= len;
    return word;
}

static bool read_port(struct bytes text, uint16_t *ret_port)
{
    uint64_t port;

    if (!text_u64(text, &port) || port > UINT16_MAX)
        return false;
    *ret_port = (uint16_t)port;
    return true;
}

/* "PROXY TCP4 source destination port port". UNKNOWN says nothing, which helps nobody here. */
static bool read_line(struct bytes line, struct proxy_header *header)
{
    struct bytes keyword = next_word(&line), family = next_word(&line);
    struct bytes source = next_word(&line), destination = next_word(&line);
    bool v4 = bytes_equal(family, bytes_of("TCP4"));

    if (!bytes_equal(keyword, bytes_of("PROXY")) ||
        (!v4 && !bytes_equal(family, bytes_of("TCP6"))) ||
        !address_parse(source, &header->source, NULL) ||
        !address_parse(destination, &header->destination, NULL))
        return false;
    if (address_is_v4(&header->source) != v4 || address_is_v4(&header->destination) != v4)
        return false;
    return read_port(next_word(&line), &header->source.port) &&
           read_port(line, &header->destination.port);
}

static enum proxy_progress read_v1(struct bytes octets, struct proxy_header *header,
                                   size_t *ret_want)
{
    static const char word[] = "PROXY ";
    const uint8_t *end = octets.len > 0 ? memchr(octets.at, '\n', octets.len) : NULL;
    size_t n = octets.len < sizeof(word) - 1 ? octets.len : sizeof(word) - 1;

    if (n > 0 && memcmp(octets.at, word, n) != 0)
        return PROXY_BAD;
    if (!end) {
        *ret_want = 1; /* the line may end with the next octet */
        return octets.len < PROXY_V1_MAX ? PROXY_MORE : PROXY_BAD;
    }
    if (end + 1 != octets.at + octets.len || octets.len < 2 || end[-1] != '\r')
        return PROXY_BAD;
    return read_line((struct bytes){octets.at, octets.len - 2}, header) ? PROXY_DONE : PROXY_BAD;
}

/* --- version 2 -------------------------------------------------------------------------------- */

enum { COMMAND_LOCAL = 0x20, COMMAND_PROXY = 0x21, FAMILY_TCP4 = 0x11, FAMILY_TCP6 = 0x21 };

static const uint8_t signature[] = {'\r', '\n', '\r', '\n', 0,   '\r',
                                    '\n', 'Q',  'U',  'I',  'T', '\n'};

static void read_address(struct reader *r, bool v4, struct address *address)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    size_t skip = v4 ? sizeof(mapped) : 0;

    memcpy(address->octets, mapped, skip);
    reader_copy(r, address->octets + skip, sizeof(address->octets) - skip);
    address->known = true;
}

/* Skipped, but each must be whole: u8 type, u16 length, value. */
static bool skip_tlvs(struct reader *r)
{
    while (reader_ok(r) && reader_left(r) > 0) {
        (void)reader_u8(r);
        (void)reader_block16(r);
    }
    return reader_done(r);
}

static bool read_body(struct reader *r, uint8_t command, uint8_t family,
                      struct proxy_header *header)
{
    if (command == COMMAND_LOCAL) { /* whatever follows is to be ignored */
        header->local = true;
        return true;
    }
    if (family != FAMILY_TCP4 && family != FAMILY_TCP6)
        return false;
    read_address(r, family == FAMILY_TCP4, &header->source);
    read_address(r, family == FAMILY_TCP4, &header->destination);
    header->source.port = reader_u16(r);
    header->destination.port = reader_u16(r);
    return skip_tlvs(r);
}

static enum proxy_progress read_v2(struct bytes octets, struct proxy_header *header,
                                   size_t *ret_want)
{
    size_t n = octets.len < sizeof(signature) ? octets.len : sizeof(signature);
    struct reader r = reader_over(octets);
    uint8_t command, family;
    size_t len;

    if (n > 0 && memcmp(octets.at, signature, n) != 0)
        return PROXY_BAD;
    if (octets.len < PROXY_V2_FIXED) {
        *ret_want = PROXY_V2_FIXED - octets.len;
        return PROXY_MORE;
    }
    (void)reader_take(&r, sizeof(signature));
    command = reader_u8(&r);
    family = reader_u8(&r);
    len = PROXY_V2_FIXED + (size_t)reader_u16(&r);
    if ((command != COMMAND_LOCAL && command != COMMAND_PROXY) || len > PROXY_V2_MAX ||
        octets.len > len)
        return PROXY_BAD;
    *ret_want = len - octets.len;
    if (*ret_want > 0)
        return PROXY_MORE;
    return read_body(&r, command, family, header) ? PROXY_DONE : PROXY_BAD;
}

/* --- both ------------------------------------------------------------------------------------- */

enum proxy_progress proxy_read(enum config_accept_proxy version, struct bytes octets,
                               struct proxy_header *ret_header, size_t *ret_want)
{
    struct proxy_header header = {.local = false};
    enum proxy_progress progress = version == CONFIG_ACCEPT_PROXY_V1
                                       ? read_v1(octets, &header, ret_want)
                                       : read_v2(octets, &header, ret_want);

    if (progress == PROXY_DONE)
        *ret_header = header;
    return progress;
}

bool proxy_is_trusted(const struct config_listener *listener, const struct address *peer)
{
    for (size_t i = 0; i < listener->trusted_proxies.n; i++) {
        struct network network;

        if (network_parse(bytes_of(listener->trusted_proxies.at[i]), &network, NULL) &&
            network_has(&network, peer))
            return true;
    }
    return false;
}
