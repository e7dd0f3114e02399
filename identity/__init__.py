"""Who acts: facilities, staff, roles, sign-in, terminals, tokens, and the policy that denies by default."""
