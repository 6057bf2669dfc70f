/*
 * The configuration between processes, driven by the rows. Children decode what the parent sent;
 * the ranges are checked again, since a number out of its range must not reach an array.
 *
 * Layout: u8 version 1; for each row of sections u16 count, and for each section its title (u16
 * length), file (u16 length), u32 line, and its options in order: TEXT and NEEDED u8 0 or 1 and u16
 * length, LIST u16 count and u16 lengths, the others 8 octets.
 */
#include "gatewayd/shared/config_table.h"

#include "common/reader.h"
#include "common/text.h"

enum { CODEC_VERSION = 1, SECTIONS_MAX = 4096 };

static void encode_option(const struct config_option *option, const void *member,
                          struct writer *out)
{
    const struct config_list *list = member;
    const char *text;

    switch (option->kind) {
    case CONFIG_KIND_TEXT:
    case CONFIG_KIND_NEEDED:
        text = *(const char *const *)member;
        writer_u8(out, text != NULL);
        if (text)
            writer_block16(out, bytes_of(text));
        break;
    case CONFIG_KIND_LIST:
        writer_u16(out, (uint16_t)list->n);
        for (size_t i = 0; i < list->n; i++)
            writer_block16(out, bytes_of(list->at[i]));
        break;
    default:
        writer_u64(out, (uint64_t) * (const int64_t *)member);
        break;
    }
}

void config_encode(const struct config *config, struct writer *out)
{
    size_t n_rows;
    const struct config_section *rows = config_sections(&n_rows);

    writer_u8(out, CODEC_VERSION);
    for (size_t i = 0; i < n_rows; i++) {
        writer_u16(out, (uint16_t)config_count(config, &rows[i]));
        for (size_t k = 0; k < config_count(config, &rows[i]); k++) {
            const struct config_any *any = config_at(config, &rows[i], k);

            writer_block16(out, bytes_of(any->title));
            writer_block16(out, bytes_of(any->place.file));
            writer_u32(out, any->place.line);
            for (size_t o = 0; o < rows[i].n_options; o++)
                encode_option(&rows[i].options[o], config_member(any, &rows[i].options[o]), out);
        }
    }
}

void config_encode_values(const struct config *config, const char *section, struct writer *out)
{
    size_t n_rows;
    const struct config_section *rows = config_sections(&n_rows);

    for (size_t i = 0; i < n_rows; i++) {
        if (strcmp(rows[i].name, section) != 0)
            continue;
        for (size_t k = 0; k < config_count(config, &rows[i]); k++) {
            const struct config_any *any = config_at(config, &rows[i], k);

            writer_block16(out, bytes_of(any->title));
            for (size_t o = 0; o < rows[i].n_options; o++)
                encode_option(&rows[i].options[o], config_member(any, &rows[i].options[o]), out);
        }
    }
}

static const char *decode_text(struct reader *r, struct config_memory *memory)
{
    struct bytes text = reader_block16(r);

    if (!text_is_clean(text))
        reader_break(r);
    return reader_ok(r) ? config_take_text(memory, text) : "";
}

static struct config_list decode_list(const struct config_option *option, struct reader *r,
                                      struct config_memory *memory)
{
    size_t n = reader_u16(r);
    const char **values;

    if ((int64_t)n > option->max) {
        reader_break(r);
        return (struct config_list){NULL, 0};
    }
    values = config_take(memory, n * sizeof(*values));
    for (size_t i = 0; i < n; i++)
        values[i] = decode_text(r, memory);
    return (struct config_list){values, n};
}

static int64_t decode_number(const struct config_option *option, struct reader *r)
{
    int64_t value = (int64_t)reader_u64(r);
    bool choice = option->kind == CONFIG_KIND_CHOICE;

    if (choice ? value < 0 || config_choice_word(option->unit, value).at[0] == '?'
               : value < option->min || value > option->max)
        reader_break(r);
    return value;
}

static void decode_option(const struct config_option *option, struct reader *r, void *member,
                          struct config_memory *memory)
{
    uint8_t there;

    switch (option->kind) {
    case CONFIG_KIND_TEXT:
    case CONFIG_KIND_NEEDED:
        there = reader_u8(r);
        if (there > 1 || (!there && (option->kind == CONFIG_KIND_NEEDED || option->text)))
            reader_break(r);
        *(const char **)member = there == 1 ? decode_text(r, memory) : NULL;
        break;
    case CONFIG_KIND_LIST:
        *(struct config_list *)member = decode_list(option, r, memory);
        break;
    default:
        *(int64_t *)member = decode_number(option, r);
        break;
    }
}

static void decode_section(const struct config_section *row, struct reader *r,
                           struct config_any *any, struct config_memory *memory)
{
    any->title = decode_text(r, memory);
    any->place.file = decode_text(r, memory);
    any->place.line = reader_u32(r);
    for (size_t i = 0; i < row->n_options; i++)
        decode_option(&row->options[i], r, config_member(any, &row->options[i]), memory);
}

bool config_decode(struct bytes in, struct config **ret_config, struct error *err)
{
    AUTO(config_freep) struct config *config = config_new();
    struct reader r = reader_over(in);
    size_t n_rows;
    const struct config_section *rows = config_sections(&n_rows);

    if (reader_u8(&r) != CODEC_VERSION)
        reader_break(&r);
    for (size_t i = 0; i < n_rows && reader_ok(&r); i++) {
        size_t n = reader_u16(&r);

        if (n > SECTIONS_MAX || (!rows[i].titled && n != 1)) {
            reader_break(&r);
            break;
        }
        config_set_count(config, &rows[i], n);
        for (size_t k = 0; k < n; k++)
            decode_section(&rows[i], &r, config_at(config, &rows[i], k), config->memory);
    }
    if (!reader_done(&r))
        return err_set(err, REASON_MSG_MALFORMED, "configuration of %zu octets", in.len);
    *ret_config = STEAL(config);
    return true;
}
