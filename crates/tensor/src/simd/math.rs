//! exp, ln, tanh and sigmoid, built from the token.
