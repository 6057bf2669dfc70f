/*
 * Counted texts. Runs in decide; clients choose some of them (SNI), and each of those lives as long
 * as a session that has it.
 */
#include "gatewayd/decide/texts.h"

#include "common/table.h"
#include "gatewayd/shared/xalloc.h"

struct text {
    struct table_link link;
    size_t refs, len;
    char at[];
};

struct texts {
    struct table table;
};

static const char nothing[] = "";

struct texts *texts_new(void)
{
    return xcalloc(1, sizeof(struct texts));
}

struct texts *texts_free(struct texts *texts)
{
    struct table_link *link;

    if (!texts)
        return NULL;
    while ((link = table_pop(&texts->table)))
        free(TABLE_OF(link, struct text, link));
    free(texts);
    return NULL;
}

static bool is_text(const struct table_link *link, const void *key)
{
    const struct text *text = TABLE_OF(link, struct text, link);

    return bytes_equal((struct bytes){(const uint8_t *)text->at, text->len},
                       *(const struct bytes *)key);
}

static struct text *text_of(const char *at)
{
    return (struct text *)(void *)((char *)(uintptr_t)at - offsetof(struct text, at));
}

const char *texts_hold(struct texts *texts, struct bytes octets)
{
    uint64_t hash = table_hash(octets);
    struct table_link *link;
    struct text *text;

    if (octets.len == 0)
        return nothing;
    link = table_find(&texts->table, hash, is_text, &octets);
    if (link) {
        text = TABLE_OF(link, struct text, link);
        text->refs++;
        return text->at;
    }
    text = xcalloc(1, sizeof(*text) + octets.len + 1);
    text->refs = 1;
    text->len = octets.len;
    memcpy(text->at, octets.at, octets.len);
    table_add(&texts->table, &text->link, hash);
    return text->at;
}

const char *texts_again(const char *text)
{
    if (text != nothing)
        text_of(text)->refs++;
    return text;
}

void texts_drop(struct texts *texts, const char *at)
{
    struct text *text;

    if (!at || at == nothing)
        return;
    text = text_of(at);
    if (--text->refs > 0)
        return;
    table_remove(&texts->table, &text->link);
    free(text);
}

size_t texts_count(const struct texts *texts)
{
    return texts->table.n;
}
