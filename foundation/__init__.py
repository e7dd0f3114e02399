"""What every layer needs and none owns: clock, ids, errors, settings, database, bus, audit, sealing, languages."""
