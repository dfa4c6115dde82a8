//! The commands of one round trip, collected before they are sent.

use redis::{Cmd, Pipeline, RedisWrite};

/// Commands to be sent together. The memory of the first is used again: most operations are one command.
#[derive(Default)]
pub(super) struct CommandBuffer(Vec<Cmd>);

impl CommandBuffer {
    pub(super) fn clear(&mut self) {
        self.0.truncate(1);
        if let Some(first) = self.0.first_mut() {
            first.clear();
        }
    }

    pub(super) fn commands(&self) -> &[Cmd] {
        if self.0.len() == 1 && self.0[0].args_iter().len() == 0 { &[] } else { &self.0 }
    }

    /// Moves all commands into a pipeline.
    pub(super) fn drain(&mut self) -> Pipeline {
        let mut pipeline = Pipeline::with_capacity(self.0.len());
        self.0.drain(..).for_each(|command| {
            pipeline.add_command(command);
        });
        pipeline
    }

    /// Starts a command; the caller adds its arguments.
    pub(super) fn add(&mut self, name: &str) -> &mut Cmd {
        if self.0.is_empty() || !self.commands().is_empty() {
            self.0.push(Cmd::new());
        }
        let last = self.0.len() - 1;
        let command = &mut self.0[last];
        command.write_arg(name.as_bytes());
        command
    }

    /// Starts a call of a loaded script; the caller adds the number of keys, the keys and the arguments.
    pub(super) fn add_call(&mut self, digest: &str) -> &mut Cmd {
        let command = self.add("EVALSHA");
        command.write_arg(digest.as_bytes());
        command
    }
}

/// A limit of rows as an argument. There are fewer rows than the largest integer, so a larger limit means the same.
pub(super) fn limit_argument(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}
