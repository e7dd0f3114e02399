"""How people are told outside a page: the outbox of notices, e-mail, SMS, Web Push. Knows no patient, no consult."""
