/*
 * Words, lists, numbers and the table of faults of HTTP. Runs in an edge on octets of clients and
 * of upstreams.
 */
#include "gatewayd/edge/http.h"

#define FAULT_ROW(id, status, reason, text) [HTTP_##id] = {status, REASON_##reason, text},
static const struct http_fault_row faults[] = {HTTP_FAULTS(FAULT_ROW)};
#undef FAULT_ROW

static const struct {
    unsigned status;
    const char *phrase;
} phrases[] = {
    {400, "Bad Request"},         {403, "Forbidden"},
    {405, "Method Not Allowed"},  {408, "Request Timeout"},
    {414, "URI Too Long"},        {417, "Expectation Failed"},
    {421, "Misdirected Request"}, {431, "Request Header Fields Too Large"},
    {501, "Not Implemented"},     {502, "Bad Gateway"},
    {503, "Service Unavailable"}, {505, "HTTP Version Not Supported"},
};

const struct http_fault_row *http_fault_row(enum http_fault fault)
{
    return &faults[fault < HTTP_FAULT__COUNT ? fault : HTTP_PARSER];
}

const char *http_phrase(unsigned status)
{
    for (size_t i = 0; i < ARRAY_LEN(phrases); i++)
        if (phrases[i].status == status)
            return phrases[i].phrase;
    return "Refused";
}

static uint8_t lower(uint8_t octet)
{
    return octet >= 'A' && octet <= 'Z' ? (uint8_t)(octet - 'A' + 'a') : octet;
}

bool http_is(struct bytes text, const char *word)
{
    if (text.len != strlen(word))
        return false;
    for (size_t i = 0; i < text.len; i++)
        if (lower(text.at[i]) != lower((uint8_t)word[i]))
            return false;
    return true;
}

bool http_same(struct bytes a, struct bytes b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++)
        if (lower(a.at[i]) != lower(b.at[i]))
            return false;
    return true;
}

bool http_is_token_octet(uint8_t octet)
{
    static const char others[] = "!#$%&'*+-.^_`|~";

    return (octet >= '0' && octet <= '9') || (lower(octet) >= 'a' && lower(octet) <= 'z') ||
           (octet != 0 && strchr(others, octet));
}

bool http_is_token(struct bytes text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!http_is_token_octet(text.at[i]))
            return false;
    return text.len > 0;
}

static bool is_blank(uint8_t octet)
{
    return octet == ' ' || octet == '\t';
}

struct bytes http_trim(struct bytes text)
{
    while (text.len > 0 && is_blank(text.at[0])) {
        text.at++;
        text.len--;
    }
    while (text.len > 0 && is_blank(text.at[text.len - 1]))
        text.len--;
    return text;
}

bool http_next_element(struct bytes *list, struct bytes *ret_element)
{
    while (list->len > 0) {
        const uint8_t *comma = memchr(list->at, ',', list->len);
        size_t len = comma ? (size_t)(comma - list->at) : list->len;
        struct bytes element = http_trim((struct bytes){list->at, len});

        len += comma ? 1 : 0;
        list->at += len;
        list->len -= len;
        if (element.len == 0)
            continue;
        *ret_element = element;
        return true;
    }
    return false;
}

bool http_read_length(struct bytes text, uint64_t *ret_length)
{
    uint64_t length = 0;

    if (text.len == 0 || text.len > HTTP_LENGTH_DIGITS_MAX)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] < '0' || text.at[i] > '9')
            return false;
        length = length * 10 + (uint64_t)(text.at[i] - '0');
    }
    *ret_length = length;
    return true;
}
