#pragma once
/*
 * Reading of /proc (proc(5)) about one process.
 */
#include <stdbool.h>
#include <stdint.h>

/* Field 22 of stat: clock ticks since boot. False when there is no such process. */
bool proc_start_time(uint32_t pid, uint64_t *ret_ticks);
/* A file with one number: "sessionid", "loginuid". */
bool proc_number(uint32_t pid, const char *file, uint32_t *ret_number);
/* Whether pid, user and network namespace are ours. */
bool proc_same_namespaces(uint32_t pid);
