list(APPEND GATEWAYD_SOURCES fetch/asks.c fetch/authorities.c fetch/reach.c fetch/distribution.c fetch/web.c fetch/web_answer.c
     fetch/list_check.c fetch/list_kind.c fetch/redirect.c fetch/names.c fetch/ocsp.c fetch/plan.c fetch/proc.c fetch/report.c
    fetch/sources.c fetch/store.c fetch/transfer.c)
