//! What providers say, and what it means.
