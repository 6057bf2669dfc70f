unit_test(dn USES mtls::replica)
unit_test(ldif USES mtls::replica)
