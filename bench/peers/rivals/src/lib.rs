//! The limit, which is the signature check alone, and the libraries that other people use.

pub mod claims;
pub mod jsonwebtoken;
pub mod raw;
