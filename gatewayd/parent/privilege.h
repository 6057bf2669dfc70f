#pragma once
/*
 * What the parent may do as root.
 */
#include "common/error.h"

/* Keeps of root's capabilities what the parent uses. What it starts as root gets them all again. */
bool privilege_drop(struct error *err) MUST_CHECK;
