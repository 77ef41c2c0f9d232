//! Secrets at rest and out of sight.
