"""Write reports: pages, tables and pictures. No Qt, no state."""
