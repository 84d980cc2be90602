//! Files opened, written, held and closed.

use filerfs::backend::Kind as Error;

use crate::expected::{What, tree};
use crate::files::File;
use crate::opened::{Expect, OpenFile};
use crate::ops::{End, Op, Script, Step, Use};
use crate::steps::refuse;
use crate::surface::Surface;
use crate::world::World;

impl<S: Surface> World<S> {
    /// Opens a file, does all that with it, and closes it.
    pub fn script(&mut self, op: &Op, file: File, script: &Script) {
        let mut model = OpenFile::new(&self.state, file, script.append, script.truncate);
        let open = self.ask(Expect::Do(0), op, |surface| {
            surface.open(&model.file.path(), script.append, script.truncate)
        });
        let open = open.unwrap();
        let (mut position, mut last) = (0, (0, String::new()));
        for step in &script.steps {
            let writes: Vec<(usize, String)> = match step {
                Step::Flush => {
                    let expect = model.close(&mut self.state, false);
                    self.ask(expect, op, |surface| surface.flush(&open));
                    continue;
                }
                Step::Truncate => {
                    model.truncate();
                    let expect =
                        if model.alive(&self.state) { Expect::Do(0) } else { refuse([Error::NotFound]) };
                    self.ask(expect, op, |surface| surface.truncate(&open));
                    continue;
                }
                Step::Next(text, end) => vec![(position, ended(text, *end))],
                Step::Start(text, end) => vec![(0, ended(text, *end))],
                Step::Hole(text) => vec![(position + 7, ended(text, End::Line))],
                Step::Again => vec![last.clone()],
                Step::Bytes(text, end) => {
                    let text = if matches!(end, End::Long) { (*text).to_owned() } else { ended(text, *end) };
                    let ends: Vec<usize> =
                        text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
                    ends.windows(2).map(|at| (position + at[0], text[at[0]..at[1]].to_owned())).collect()
                }
            };
            for (offset, text) in writes.into_iter().filter(|(_, text)| !text.is_empty()) {
                let expect = model.write(&mut self.state, offset, &text);
                let either = matches!(expect, Expect::Either);
                let what = (op, offset, &text);
                let answer =
                    self.ask(expect, &what, |surface| surface.write(&open, offset as u64, text.as_bytes()));
                if answer.is_none() && either {
                    model.refused();
                }
                let end = offset + text.len();
                last = (offset, text);
                if answer.is_none() {
                    break;
                }
                position = end;
            }
        }
        let expect = model.close(&mut self.state, true);
        self.ask(expect, &("close", op), |surface| surface.close(open));
    }

    pub fn hold(&mut self, op: &Op, file: File) {
        if let Some((mut model, open)) = self.held.take() {
            let expect = model.close(&mut self.state, true);
            self.ask(expect, op, |surface| surface.close(open));
        }
        let path = file.path();
        // What waited in the file that was held may have changed much, but took nothing away.
        let model = OpenFile::new(&self.state, file, false, false);
        let expect = if model.alive(&self.state) { Expect::Do(0) } else { refuse([Error::NotFound]) };
        if let Some(open) = self.ask(expect, op, |surface| surface.open(&path, false, false)) {
            self.held = Some((model, open));
        }
    }

    pub fn use_held(&mut self, op: &Op, how: &Use) -> Option<()> {
        let (mut model, open) = self.held.take()?;
        let text = match how {
            Use::Line(text) => format!("{text}\n"),
            Use::Begin(text) if !text.is_empty() => (*text).to_owned(),
            Use::Begin(_) | Use::Flush => {
                let expect = model.close(&mut self.state, false);
                self.ask(expect, op, |surface| surface.flush(&open));
                self.held = Some((model, open));
                return Some(());
            }
            Use::Read => {
                let alive = model.alive(&self.state);
                let expect = if alive { Expect::Do(0) } else { refuse([Error::NotFound, Error::Replaced]) };
                let read = self.ask(expect, op, |surface| surface.read(&open));
                if let (Some(read), Some(node)) = (read, tree(&self.state).get(&model.file.path())) {
                    assert_eq!(What::Text(read), node.what, "{op:?}: {}", model.file.path());
                }
                self.held = Some((model, open));
                return Some(());
            }
            Use::Close => {
                let expect = model.close(&mut self.state, true);
                self.ask(expect, op, |surface| surface.close(open));
                return Some(());
            }
        };
        let expect = model.write(&mut self.state, 0, &text);
        self.ask(expect, op, |surface| surface.write(&open, 0, text.as_bytes()));
        self.held = Some((model, open));
        Some(())
    }
}

fn ended(text: &str, end: End) -> String {
    match end {
        End::Line => format!("{text}\n"),
        End::Blanks => format!(" \t{text} \r\n"),
        End::Open => text.to_owned(),
        End::Long => format!("{text:<4097}"),
    }
}
