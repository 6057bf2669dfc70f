/*
 * Substring tests on one entry (RFC 4517 4.1.6): pieces of a value in their order. Asked by decide
 * and the command line; the octets come from certificates and the directory and are only compared.
 */
#include "ldap/pieces.h"

#include "common/text.h"
#include "ldap/dn.h"
#include "ldap/replica_state.h"

/* Case folded and runs of spaces as one, like value_fold, but the edges stay: a piece is a part. */
static struct bytes fold_piece(enum attribute_match match, struct bytes piece, uint8_t *out)
{
    size_t len = 0;

    for (size_t i = 0; i < piece.len; i++) {
        uint8_t c = piece.at[i];

        if (match == MATCH_CASE_IGNORE && c == ' ' && len > 0 && out[len - 1] == ' ')
            continue;
        if (match == MATCH_CASE_IGNORE && c >= 'A' && c <= 'Z')
            c = (uint8_t)(c | 0x20);
        out[len++] = c;
    }
    return (struct bytes){out, len};
}

/* Where the piece stands first in the value, or NULL. */
static const uint8_t *find_piece(struct bytes value, struct bytes piece)
{
    return value.len < piece.len ? NULL : memmem(value.at, value.len, piece.at, piece.len);
}

/* The pieces are folded. Leftmost places are as good as any: what follows has most room then. */
static bool value_has(struct bytes value, const struct replica_pieces *pieces)
{
    for (size_t i = 0; i < pieces->n; i++) {
        struct bytes piece = pieces->at[i];
        bool first = i == 0 && !pieces->open_start;
        bool last = i + 1 == pieces->n && !pieces->open_end;
        const uint8_t *at;

        if (piece.len > value.len)
            return false;
        at = last ? value.at + value.len - piece.len : first ? value.at : find_piece(value, piece);
        if (!at || memcmp(at, piece.at, piece.len) != 0 || (first && at != value.at))
            return false;
        value.len -= (size_t)(at - value.at) + piece.len;
        value.at = at + piece.len;
    }
    return true;
}

bool replica_entry_has_pieces(const struct replica *replica, const struct replica_entry *entry,
                              struct bytes attribute, const struct replica_pieces *pieces)
{
    uint8_t number = attributes_find(&replica->attributes, attribute);
    AUTO(writer_clear) struct writer scratch = writer_new(REPLICA_VALUE_MAX);
    uint8_t folded[REPLICA_PIECES_LEN_MAX];
    struct bytes at[REPLICA_PIECES_MAX], value;
    struct replica_pieces wanted = *pieces;
    struct entry_values values;
    enum attribute_match match;
    size_t used = 0;

    if (number == ATTRIBUTE_NONE || pieces->n == 0 || pieces->n > REPLICA_PIECES_MAX)
        return false;
    match = replica->attributes.at[number].match;
    if (match != MATCH_CASE_IGNORE && match != MATCH_EXACT)
        return false;
    for (size_t i = 0; i < pieces->n; i++) {
        if (pieces->at[i].len == 0 || pieces->at[i].len > sizeof(folded) - used)
            return false;
        at[i] = fold_piece(match, pieces->at[i], folded + used);
        used += at[i].len;
    }
    wanted.at = at;
    values = entry_values(entry, number);
    for (size_t i = 0; i < values.n; i++)
        if (value_fold(match, values_get(values, i), &scratch, &value) && value_has(value, &wanted))
            return true;
    return false;
}
