//! The configuration named on the command line.

use anyhow::{Result, bail};
use attention::Config;
use include_dir::{Dir, File, include_dir};
use std::path::Path;

/// The designs that the program carries: every file of `configs`.
static EMBEDDED: Dir = include_dir!("$CARGO_MANIFEST_DIR/../../configs");

/// A design and what is changed about it.
#[derive(clap::Args)]
pub struct ConfigArgs {
    /// TOML file of a design, or the name of a built-in one (`flashrtl list configs`)
    #[arg(value_name = "CONFIG")]
    config: String,
    /// Give a key another value, for example --set array.head_dim=32; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
}

/// Several designs and what is changed about all of them.
#[derive(clap::Args)]
pub struct ConfigsArgs {
    /// TOML files of designs, or names of built-in ones (`flashrtl list configs`)
    #[arg(value_name = "CONFIG", required = true)]
    configs: Vec<String>,
    /// Give a key of every design another value, for example --set format.accumulator=m12; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
}

impl ConfigsArgs {
    /// Reads every design as [`ConfigArgs::load`] does.
    pub fn load(&self) -> Result<Vec<Config>> {
        self.configs.iter().map(|config| load(config, &self.set)).collect()
    }
}

impl ConfigArgs {
    /// Reads the file, or the built-in design if there is no such file.
    pub fn load(&self) -> Result<Config> {
        load(&self.config, &self.set)
    }

    /// The command that generates this design, as written into generated files.
    pub fn generate_command(&self) -> String {
        self.command(&["generate"], &[])
    }

    /// A command on this design: the subcommand's words before it, further options after it.
    pub fn command(&self, words: &[&str], options: &[&str]) -> String {
        let sets = self.set.iter().flat_map(|set| ["--set", set]);
        let words = ["flashrtl"].iter().chain(words).copied().chain([self.config.as_str()]);
        let all = words.chain(sets).chain(options.iter().copied());
        all.map(quoted).collect::<Vec<_>>().join(" ")
    }
}

/// Reads a file, or the built-in design of that name if there is no such file, with overrides laid over it.
pub fn load(config: &str, set: &[String]) -> Result<Config> {
    let path = Path::new(config);
    let overrides: Vec<&str> = set.iter().map(String::as_str).collect();
    if path.exists() {
        return Ok(Config::load(path, &overrides)?);
    }
    let Some(file) = embedded(config) else {
        let names: Vec<&str> = embedded_names().collect();
        bail!(
            "{config}: there is no such file, and no built-in design of that name; built-in: {}",
            names.join(", ")
        );
    };
    let text = file.contents_utf8().expect("designs are text");
    Ok(Config::parse(text, &format!("configs/{}", file.path().display()), &overrides)?)
}

/// Names of the built-in designs, in order.
pub fn embedded_names() -> impl Iterator<Item = &'static str> {
    let mut names: Vec<&str> =
        EMBEDDED.files().filter_map(|f| f.path().to_str()?.strip_suffix(".toml")).collect();
    names.sort_unstable();
    names.into_iter()
}

/// A built-in design.
pub fn load_embedded(name: &str) -> Result<Config> {
    load(name, &[])
}

/// Names and texts of the built-in studies.
pub fn embedded_studies() -> impl Iterator<Item = (&'static str, &'static str)> {
    let files = EMBEDDED.get_dir("studies").into_iter().flat_map(|dir| dir.files());
    files.filter_map(|f| Some((f.path().file_stem()?.to_str()?, f.contents_utf8()?)))
}

/// `tour`, `tour.toml` and `configs/tour.toml` are the same.
fn embedded(name: &str) -> Option<&'static File<'static>> {
    let name = name.strip_prefix("configs/").unwrap_or(name);
    EMBEDDED.get_file(format!("{}.toml", name.strip_suffix(".toml").unwrap_or(name)))
}

/// A word as a shell reads it.
pub fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=,:+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.into();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn built_in_designs_are_found_by_name_and_path() {
        for name in ["tour", "tour.toml", "configs/tour.toml"] {
            assert_eq!(load_embedded(name).unwrap().name, "tour");
        }
        let error = load_embedded("turo").unwrap_err().to_string();
        assert!(error.contains("no built-in design") && error.contains("tour"), "{error}");
    }

    #[test]
    fn commands_can_be_pasted_into_a_shell() {
        let args =
            ConfigArgs { config: "it's.toml".into(), set: vec!["a.b=1".into(), "description=x y".into()] };
        let command = r"flashrtl generate 'it'\''s.toml' --set a.b=1 --set 'description=x y'";
        assert_eq!(args.generate_command(), command);
    }
}
