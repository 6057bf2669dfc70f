list(APPEND GATEWAYD_SOURCES decide/ad_strings.c decide/attributes.c decide/control_locks.c decide/control_requests.c decide/data.c decide/data_policy.c
    decide/data_snapshot.c
    decide/der.c
    decide/dn.c decide/edges.c decide/facts.c decide/identity.c decide/identity_cache.c decide/judge.c decide/judge_memo.c
    decide/ledger.c decide/live.c decide/local_server.c decide/locks.c decide/mapping.c
    decide/mapping_anchor.c decide/mapping_checks.c decide/mapping_find.c decide/mapping_find_check.c decide/mapping_find_fill.c decide/mapping_find_print.c decide/mapping_find_run.c decide/mapping_match.c decide/mapping_rules.c decide/mapping_strength.c decide/mapping_suffix.c decide/mapping_values.c
    decide/pam_requests.c decide/person.c decide/proc.c decide/proxy_send.c decide/records.c decide/reevaluate.c
    decide/registry.c decide/resume.c decide/session.c decide/session_filter.c decide/sessions.c
    decide/setup.c decide/stages.c decide/status.c decide/strangers.c decide/texts.c
    decide/upstream.c decide/whoami.c)
list(APPEND GATEWAYD_SOURCES decide/connect.c decide/dial.c decide/hosts.c decide/pools.c decide/renew.c decide/targets.c)
list(APPEND GATEWAYD_SOURCES decide/attribute_ref.c decide/conversions.c decide/attribute_forms.c decide/attribute_forms_san.c decide/attribute_forms_uri.c
    decide/identity_build.c decide/identity_names.c)
list(APPEND GATEWAYD_SOURCES decide/tell_identity.c)
list(APPEND GATEWAYD_SOURCES decide/handoff.c decide/preview.c)
list(APPEND GATEWAYD_SOURCES decide/certmap_certificate.c decide/certmap_map.c decide/certmap_map_run.c
    decide/certmap_match.c decide/certmap_match_run.c decide/certmap_name.c decide/certmap_san.c decide/certmap_warnings.c
    decide/expression.c)
