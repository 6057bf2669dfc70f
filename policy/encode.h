#pragma once
/*
 * Between encode.c and decode.c: the layout of a set's octets, and the parts whose canonical form
 * decode compares with what it has read. For the files of policy/ only.
 */
#include "policy/set.h"

/*
 * set     := u32 magic, u16 n, service*, u32 n, zone*, u32 n, window*, u32 n, network*, u32 n,
 *            rule*; each sorted by name
 * service := text, u8 confirmed
 * zone    := text name, u32 length, TZif octets
 * window  := text name, text zone, u8 days, u16 n, {u16 start, u16 end}*, u16 n, {u64 start,
 *            u64 end}*, u16 n, u32 date*
 * network := text name, u16 n, {16 octets, u8 bits}*
 * rule    := text name, text file, u32 line, u8 effect, u8 flags (1 shadow, 2 overridable),
 *            u32 order, u64 from, u64 until, u64 expires, u16 n, text*, text owner, text ticket,
 *            text message, u8 n, test*, u8 n, test*
 * test    := u8 fact, u8 negative, u16 n, value*
 * value   := u8 kind, text ("" for any, none, self)
 * text    := u16 length, octets
 */
enum { ENCODE_SHADOW = 1, ENCODE_OVERRIDABLE = 2 };
enum { ENCODE_MAGIC = 0x4d475033 }; /* "MGP3": changes with the layout */

void encode_services(struct writer *out, const struct policy_set *set);
void encode_zone(struct writer *out, const struct zone *zone);
void encode_window(struct writer *out, const struct window *window);
void encode_network(struct writer *out, const struct network_list *list);
void encode_rule(struct writer *out, const struct rule *rule);
