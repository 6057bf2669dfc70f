#pragma once
/*
 * Watches the files of the configuration in force: trust anchors, revocation lists and policy are
 * loaded again when they change, an LDIF directory is handed over again. gatewayd.conf itself is
 * read on request only.
 */
#include "gatewayd/parent/parent.h"

void watches_init(struct parent *parent);
/* Watches what the configuration in force names; replaces the watches before. */
void watches_set(struct parent *parent);
