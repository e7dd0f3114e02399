"""The live side: Socket.IO events in, commands to the domain; the consults' logs in, notices to people out."""
