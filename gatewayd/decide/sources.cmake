list(APPEND GATEWAYD_SOURCES decide/attributes.c decide/der.c decide/dn.c decide/identity.c
    decide/mapping.c decide/mapping_find.c decide/mapping_find_run.c decide/mapping_match.c
    decide/mapping_values.c)
