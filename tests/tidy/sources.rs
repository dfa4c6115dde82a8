//! The sources of both crates as a graph: which file imports what from which other one.
//!
//! Paths are resolved as the compiler does it, through re-exports: `crate::Failure` leads to the file that defines
//! `Failure`. Only what a path says is seen; a method that is called on a value of another file's type is not. Test
//! modules are left out: they may look at everything.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Attribute, Item, UseTree};

/// Every `.rs` file in a folder of the repository, sorted.
pub fn rust_files(folder: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder of the repository") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

/// Whether a file holds nothing but tests.
pub fn is_test(path: &Path) -> bool {
    path.iter().any(|part| part == "tests" || part == "tests.rs")
}

/// The files of one crate.
pub struct Sources {
    files: Vec<File>,
    by_module: BTreeMap<Vec<String>, usize>,
}

/// One file, which is one module.
struct File {
    path: PathBuf,
    module: Vec<String>,
    /// What its `use` declarations name here, with the path that they stand for.
    names: BTreeMap<String, Vec<String>>,
    /// Modules of which it imports everything.
    globs: Vec<Vec<String>>,
    /// Every path that its code mentions.
    paths: BTreeSet<Vec<String>>,
    /// The structs, enums, traits, unions and type aliases that it defines.
    types: Vec<String>,
    /// In how many modules within the file the visitor is.
    depth: usize,
}

impl Sources {
    /// Reads the crate whose root is in this folder.
    pub fn read(folder: &str) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        let sources = rust_files(folder).into_iter().filter(|path| !is_test(path) && !path.ends_with("main.rs"));
        let files: Vec<File> = sources.map(|path| File::read(&root, path)).collect();
        let by_module = files.iter().enumerate().map(|(at, file)| (file.module.clone(), at)).collect();
        Sources { files, by_module }
    }

    /// Each type name with the files that define a type of that name.
    pub fn types(&self) -> impl Iterator<Item = (&str, &Path)> {
        self.files.iter().flat_map(|file| file.types.iter().map(|name| (name.as_str(), file.path.as_path())))
    }

    /// Groups of files that import each other, directly or through others.
    pub fn circles(&self) -> Vec<Vec<&Path>> {
        let edges: Vec<BTreeSet<usize>> = (0..self.files.len()).map(|at| self.imports(at)).collect();
        let reached: Vec<BTreeSet<usize>> = (0..edges.len()).map(|at| reachable(&edges, at)).collect();
        let mut circles = BTreeSet::new();
        for (at, reach) in reached.iter().enumerate() {
            let circle: Vec<usize> = reach.iter().copied().filter(|other| reached[*other].contains(&at)).collect();
            if circle.len() > 1 {
                circles.insert(circle);
            }
        }
        circles.into_iter().map(|circle| circle.into_iter().map(|at| &*self.files[at].path).collect()).collect()
    }

    fn imports(&self, at: usize) -> BTreeSet<usize> {
        let file = &self.files[at];
        let mut targets: BTreeSet<usize> =
            file.paths.iter().filter_map(|path| self.resolve(&file.module, path, 0)).collect();
        targets.remove(&at);
        targets
    }

    /// The file that defines what a path names, seen from a module. None for what other crates define, for what the module
    /// itself defines, and for a module that is only named on the way to something in it.
    fn resolve(&self, from: &[String], path: &[String], depth: usize) -> Option<usize> {
        let (mut module, mut rest) = self.start(from, path)?;
        while let Some((first, after)) = rest.split_first() {
            let file = &self.files[*self.by_module.get(&module)?];
            let child = [&module[..], std::slice::from_ref(first)].concat();
            if self.by_module.contains_key(&child) {
                (module, rest) = (child, after);
            } else if let Some(renamed) = file.names.get(first).filter(|_| depth < 8) {
                let whole = [&renamed[..], after].concat();
                return self.resolve(&module, &whole, depth + 1);
            } else {
                let through = file.globs.iter().filter(|_| depth < 8);
                let defined = || self.by_module.get(&module).copied();
                let mut found = through.filter_map(|glob| self.resolve(&module, &[glob, rest].concat(), depth + 1));
                return found.next().or_else(defined);
            }
        }
        None
    }

    /// Where a path begins: the crate, a module above, one of this module's names. None if it leaves the crate.
    fn start<'p>(&self, from: &[String], path: &'p [String]) -> Option<(Vec<String>, &'p [String])> {
        let (first, after) = path.split_first()?;
        match first.as_str() {
            "crate" => Some((Vec::new(), after)),
            "self" => Some((from.to_vec(), after)),
            "super" => {
                let ups = path.iter().take_while(|part| *part == "super").count();
                Some((from[..from.len().checked_sub(ups)?].to_vec(), &path[ups..]))
            }
            name => {
                let child = [from, &[name.to_owned()]].concat();
                let file = &self.files[*self.by_module.get(from)?];
                (self.by_module.contains_key(&child) || file.names.contains_key(name)).then(|| (from.to_vec(), path))
            }
        }
    }
}

fn reachable(edges: &[BTreeSet<usize>], from: usize) -> BTreeSet<usize> {
    let (mut reached, mut next) = (BTreeSet::new(), vec![from]);
    while let Some(at) = next.pop() {
        next.extend(edges[at].iter().filter(|to| reached.insert(**to)));
    }
    reached
}

impl File {
    fn read(root: &Path, path: PathBuf) -> File {
        let text = fs::read_to_string(&path).expect("a source file");
        let parsed = syn::parse_file(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let relative = path.strip_prefix(root).expect("a file of the crate").with_extension("");
        let mut module: Vec<String> = relative.iter().map(|part| part.to_string_lossy().into_owned()).collect();
        if ["mod", "lib"].contains(&module.last().expect("a name").as_str()) {
            module.pop();
        }
        let mut file = File {
            path,
            module,
            names: BTreeMap::new(),
            globs: Vec::new(),
            paths: BTreeSet::new(),
            types: Vec::new(),
            depth: 0,
        };
        file.visit_file(&parsed);
        file
    }

    fn add_use(&mut self, mut prefix: Vec<String>, tree: &UseTree) {
        match tree {
            UseTree::Path(path) => {
                prefix.push(path.ident.to_string());
                self.add_use(prefix, &path.tree);
            }
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.add_use(prefix.clone(), tree)),
            UseTree::Glob(_) => self.globs.push(prefix),
            UseTree::Name(name) => self.add_name(prefix, &name.ident.to_string(), None),
            UseTree::Rename(rename) => {
                self.add_name(prefix, &rename.ident.to_string(), Some(rename.rename.to_string()));
            }
        }
    }

    fn add_name(&mut self, mut path: Vec<String>, last: &str, renamed: Option<String>) {
        if last != "self" {
            path.push(last.to_owned());
        }
        let path = self.outside(path);
        let name = renamed.or_else(|| path.last().cloned()).unwrap_or_default();
        // `use serde_json;` would stand for itself.
        if path.len() > 1 {
            self.names.insert(name, path.clone());
        }
        self.paths.insert(path);
    }

    /// A path as it reads outside of the modules within the file, which count as the file.
    fn outside(&self, path: Vec<String>) -> Vec<String> {
        let ups = path.iter().take(self.depth).take_while(|part| *part == "super").count();
        if ups == 0 { path } else { [&["self".to_owned()], &path[ups..]].concat() }
    }

    fn add_tokens(&mut self, tokens: TokenStream) {
        let (mut path, mut colons) = (Vec::new(), 0);
        for token in tokens {
            match token {
                TokenTree::Ident(ident) if path.is_empty() || colons == 2 => path.push(ident.to_string()),
                TokenTree::Punct(punct) if punct.as_char() == ':' && !path.is_empty() => {
                    colons += 1;
                    continue;
                }
                other => {
                    let whole = self.outside(std::mem::take(&mut path));
                    self.paths.insert(whole);
                    match other {
                        TokenTree::Ident(ident) => path.push(ident.to_string()),
                        TokenTree::Group(group) => self.add_tokens(group.stream()),
                        _ => {}
                    }
                }
            }
            colons = 0;
        }
        let last = self.outside(path);
        self.paths.insert(last);
    }
}

impl<'ast> Visit<'ast> for File {
    fn visit_item(&mut self, item: &'ast Item) {
        let (attributes, defined): (&[Attribute], _) = match item {
            Item::Struct(item) => (&item.attrs, Some(&item.ident)),
            Item::Enum(item) => (&item.attrs, Some(&item.ident)),
            Item::Trait(item) => (&item.attrs, Some(&item.ident)),
            Item::Union(item) => (&item.attrs, Some(&item.ident)),
            Item::Type(item) => (&item.attrs, Some(&item.ident)),
            Item::Mod(item) => (&item.attrs, None),
            Item::Fn(item) => (&item.attrs, None),
            Item::Impl(item) => (&item.attrs, None),
            Item::Use(item) => (&item.attrs, None),
            _ => (&[], None),
        };
        if attributes.iter().any(is_for_tests) {
            return;
        }
        self.types.extend(defined.map(ToString::to_string));
        if let Item::Use(item) = item {
            self.add_use(Vec::new(), &item.tree);
        }
        let is_module = matches!(item, Item::Mod(module) if module.content.is_some());
        self.depth += usize::from(is_module);
        visit::visit_item(self, item);
        self.depth -= usize::from(is_module);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let path_here = self.outside(path.segments.iter().map(|segment| segment.ident.to_string()).collect());
        self.paths.insert(path_here);
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, macros: &'ast syn::Macro) {
        self.add_tokens(macros.tokens.clone());
    }
}

fn is_for_tests(attribute: &Attribute) -> bool {
    let syn::Meta::List(list) = &attribute.meta else { return false };
    attribute.path().is_ident("cfg") && list.tokens.to_string() == "test"
}
