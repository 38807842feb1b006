//! Finding nodes by path, and the console that `/chosen` names.

use super::error::PathError;
use super::tree::{NodeId, Tree};

impl Tree {
    /// The child of `parent` called exactly `name`, unit address included.
    pub fn child(&self, parent: NodeId, name: &str) -> Option<NodeId> {
        self.children(parent).find(|id| self.name(*id) == name)
    }

    /// The node at `path`, see [`Tree::lookup`]; `None` where that fails.
    pub fn find(&self, path: &str) -> Option<NodeId> {
        self.lookup(path).ok()
    }

    /// The node at `path`: from the root (`/cpus/cpu@0`) or from an alias (`serial0`, `serial0/child`). A component
    /// may leave its unit address out (`/memory`) where only one node fits.
    ///
    /// # Errors
    /// [`PathError`] with the component that was not found, is ambiguous, or is no alias.
    pub fn lookup(&self, path: &str) -> Result<NodeId, PathError> {
        if let Some(rest) = path.strip_prefix('/') {
            return self.descend(self.root(), rest, path);
        }
        let (alias, rest) = path.split_once('/').unwrap_or((path, ""));
        let no_alias = || PathError::NoAlias {
            path: path.into(),
            alias: alias.into(),
        };
        let target = self.alias(alias).ok_or_else(no_alias)?;
        // An alias holds a full path: one that names another alias is not followed, so none can go in circles.
        let start = self.descend(self.root(), target.strip_prefix('/').ok_or_else(no_alias)?, path)?;
        self.descend(start, rest, path)
    }

    /// The path that `/aliases` has for `name`.
    pub fn alias(&self, name: &str) -> Option<&str> {
        self.str(self.child(self.root(), "aliases")?, name)
    }

    /// The console that `/chosen` names, and the options after its `:` (such as `115200n8`).
    pub fn stdout_path(&self) -> Option<(NodeId, Option<&str>)> {
        let chosen = self.child(self.root(), "chosen")?;
        let value = self
            .str(chosen, "stdout-path")
            .or_else(|| self.str(chosen, "linux,stdout-path"))?;
        let (path, options) = value.split_once(':').unzip();
        Some((self.find(path.unwrap_or(value))?, options))
    }

    fn descend(&self, start: NodeId, rest: &str, path: &str) -> Result<NodeId, PathError> {
        rest.split('/')
            .filter(|component| !component.is_empty())
            .try_fold(start, |at, component| {
                let found = self.child_or_only(at, component);
                found.map_err(|several| {
                    let (path, parent, component) = (path.into(), self.path(at), component.into());
                    match several {
                        true => PathError::Ambiguous {
                            path,
                            parent,
                            component,
                        },
                        false => PathError::NotFound {
                            path,
                            parent,
                            component,
                        },
                    }
                })
            })
    }

    /// The child called `name`, or the only one called `name@...`. The error says whether there are several.
    fn child_or_only(&self, parent: NodeId, name: &str) -> Result<NodeId, bool> {
        if let Some(id) = self.child(parent, name) {
            return Ok(id);
        }
        let mut fitting = self
            .children(parent)
            .filter(|id| self.name(*id).split_once('@').is_some_and(|(base, _)| base == name));
        match (fitting.next(), fitting.next()) {
            (Some(id), None) => Ok(id),
            (first, _) => Err(first.is_some()),
        }
    }
}
