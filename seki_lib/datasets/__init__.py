"""Images, photographs and texts, from assets to tensors. Knows no network."""
