"""A load of real peer connections: ICE and DTLS in Python, then paced SRTP sent and counted by a small engine in C."""
