"""Mail, SMS and push will live here; nothing does yet."""
