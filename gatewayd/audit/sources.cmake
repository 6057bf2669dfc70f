list(APPEND GATEWAYD_SOURCES shared/audit_chain.c shared/audit_line.c
    audit/chain.c audit/commit.c audit/proc.c audit/recover.c audit/segment.c)
