"""From scores to annotations: pure functions of arrays, such as the most probable path of tags."""
