//! Bank statements: files of any supported format in, one model out.
