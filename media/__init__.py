"""The media plane: a selective forwarding unit on one UDP socket. It knows no patient and no staff."""
