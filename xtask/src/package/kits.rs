//! The kits that functions are written with: the npm package with the engine in it, and the two crates.

use std::fs;
use std::path::{Path, PathBuf};

use super::Work;
use super::stage::{READ, Stage};
use crate::console::Step;
use crate::error::{Context, Failure, Result};
use crate::javascript;

/// Both engines that `alyx-build` uses.
const ENGINES: [&str; 2] = ["engine.wasm", "engine-standalone.wasm"];

/// Packs `@alyx/functions`. In the repository the engine is in cargo's target folder; in the package beside the build tool.
pub(crate) fn npm(work: &Work<'_>, step: &mut Step) -> Result<PathBuf> {
    let stage = Stage::new(&work.scratch, "npm")?;
    stage.copy_dir(&work.source.join("sdk/js"), ".")?;
    for engine in ENGINES {
        stage.copy(&work.places.target.join("js-engine").join(engine), &format!("engine/{engine}"), READ)?;
    }
    stage.copy(&work.source.join("LICENSE"), "LICENSE", READ)?;
    stage.copy(&work.licences("alyx-functions-npm"), "THIRD-PARTY-LICENSES", READ)?;
    let mut pack = javascript::node(work.places);
    pack.args(["npm", "pack", "--silent", "--ignore-scripts", "--pack-destination"]).arg(&work.out);
    step.run(pack.current_dir(&stage.dir))?;
    let file = work.out.join(format!("alyx-functions-{}.tgz", work.release.version));
    if file.is_file() { Ok(file) } else { Err(Failure::new(format!("npm made no {}", file.display()))) }
}

/// Installs the package into an empty folder and builds a function with it.
pub(crate) fn try_npm(work: &Work<'_>, kit: &Path, step: &mut Step) -> Result<()> {
    let stage = Stage::new(&work.scratch, "npm-tried")?;
    let package = format!(
        "{{\"private\": true, \"type\": \"module\", \"dependencies\": {{\"@alyx/functions\": \"file:{}\"}}}}\n",
        kit.display()
    );
    stage.write("package.json", &package, READ)?;
    let source = "import { handler } from \"@alyx/functions\";\n\nexport default handler((ctx) => ({ twice: ctx.input.n * 2 }));\n";
    stage.write("src/index.ts", source, READ)?;
    let run = |words: &[&str]| {
        let mut command = javascript::node(work.places);
        // Whatever engine the caller's environment names is not the one in the package.
        command.args(words).current_dir(&stage.dir).env_remove("ALYX_ENGINE");
        command
    };
    step.run(&mut run(&["npm", "install", "--silent", "--no-audit", "--no-fund"]))?;
    step.run(&mut run(&["npx", "--no-install", "alyx-build"]))?;
    let module = fs::metadata(stage.dir.join("plugin.wasm")).context("read", "the module that was built")?;
    step.note(format!("built a function of {} bytes", module.len()));
    Ok(())
}

/// Packs the crates for guests, which are built once more from what is packed.
pub(crate) fn crates(work: &Work<'_>, step: &mut Step) -> Result<()> {
    let target = work.places.target.join("sdk-rust");
    let mut package = work.places.cargo();
    // What is not committed is noted in the crate itself, and refused by `cargo publish`.
    package.args(["package", "--workspace", "--locked", "--allow-dirty", "--manifest-path", "sdk/rust/Cargo.toml"]);
    step.run(package.env("CARGO_TARGET_DIR", &target))?;
    for name in ["alyx-functions-macro", "alyx-functions"] {
        let file = format!("{name}-{}.crate", work.release.version);
        let made = target.join("package").join(&file);
        fs::copy(&made, work.out.join(&file)).context("copy", made.display())?;
    }
    Ok(())
}
