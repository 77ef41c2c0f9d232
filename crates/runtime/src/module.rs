//! A compiled module, ready to be instantiated.

use crate::failure::Failure;
use crate::host::Host;
use crate::instance::Instance;
use crate::settings::Limits;
use crate::sha256::Sha256;
use crate::summary::ExportSignature;
use std::marker::PhantomData;
use std::rc::Rc;

/// A compiled module; cheap to keep, code is shared between processes through the page cache.
pub struct Module<H: Host> {
    sha256: Sha256,
    host: PhantomData<H>,
}

impl<H: Host> Module<H> {
    /// Its name.
    #[must_use]
    pub fn sha256(&self) -> &Sha256 {
        &self.sha256
    }

    /// Its exported functions.
    #[must_use]
    pub fn exports(&self) -> &[ExportSignature] {
        &[]
    }

    /// The exported function `name`.
    #[must_use]
    pub fn signature(&self, name: &str) -> Option<&ExportSignature> {
        self.exports().iter().find(|export| export.name == name)
    }

    /// Whether it imports from `extism:host/env`.
    #[must_use]
    pub fn uses_extism(&self) -> bool {
        false
    }

    /// Whether calling the export provably leaves no trace in an instance: such calls may share one instance even
    /// where each is to have a fresh one, as long as only stateless exports are called on it.
    #[must_use]
    pub fn is_stateless(&self, _export: &str) -> bool {
        false
    }

    /// Makes an instance and runs its initialisation exports.
    ///
    /// # Errors
    /// As [`Instance::call`], and [`LimitKind::Instances`](crate::LimitKind::Instances).
    pub fn instantiate(self: &Rc<Self>, _host: H, _limits: &Limits) -> Result<Instance<H>, Failure<H::Error>> {
        Err(Failure::Internal("not built yet".to_owned()))
    }
}
