unit_test(dn USES mtls::replica)
unit_test(ldif USES mtls::replica)
unit_test(replica USES mtls::replica)
unit_test(account USES mtls::replica)
