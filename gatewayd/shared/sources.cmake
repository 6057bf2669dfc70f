list(APPEND GATEWAYD_SOURCES pipeline.c
    shared/messages.c shared/channel.c shared/process.c shared/role.c
    shared/sandbox.c shared/sandbox_try_none.c shared/spare_files.c shared/passing.c
    shared/audit_json.c shared/audit_record.c
    shared/config.c shared/config_load.c shared/config_text.c shared/config_name.c
    shared/config_option.c shared/config_check.c shared/config_check_upstream.c shared/config_value.c
    shared/config_codec.c shared/config_print.c shared/files.c
    shared/grants.c shared/service_users.c shared/start_check.c shared/hash.c
    shared/limits.c shared/lost_peer.c shared/memfd.c shared/xalloc.c)
list(APPEND GATEWAYD_SOURCES shared/trust.c shared/trust_build.c shared/crl_build.c shared/crl_stay.c shared/crl_form.c shared/crl_serials.c shared/crl_signer.c
    shared/config_ca.c shared/config_check_ca.c shared/verify.c shared/verify_reason.c shared/verify_revocation.c shared/verify_names.c shared/verify_rules.c
    shared/x509_facts.c shared/file_read.c shared/local_names_read.c shared/zone_files.c)
# What goes around the slow decoders of OpenSSL before 3.2.
if(OPENSSL_VERSION VERSION_LESS 3.2)
    list(APPEND GATEWAYD_SOURCES shared/direct_keys.c)
else()
    list(APPEND GATEWAYD_SOURCES shared/direct_keys_none.c)
endif()
list(APPEND GATEWAYD_SOURCES shared/fetch_url.c shared/fetched.c shared/ocsp_known.c shared/write_aside.c)
