"""What a reading is, and where readings are kept."""
