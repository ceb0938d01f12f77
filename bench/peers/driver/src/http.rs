//! Servers: what a check adds to the processor time of a "hello", all servers in turn in every round.

use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, ChildStdin, ChildStdout, Stdio},
    time::Duration,
};

use anyhow::{Context as _, ensure};
use bench::{
    figures::Figures,
    load::{Requests, Server, processor_time, request},
    rounds::median,
    service::PAGE,
    token::Tokens,
};
use exeat_jose::Algorithm;

use crate::Run;

/// Servers that know no pages: ours, the rivals', Node's. The first of each runtime is bare.
const TOKEN_GATES: [&str; 11] = [
    "bare",
    "identity",
    "raw-check",
    "exeat-token",
    "exeat",
    "axum-jwt-auth",
    "tower-oauth2",
    "node",
    "jose",
    "fast-jwt",
    "fast-jwt-cache",
];

/// Servers that answer pages.
const PAGE_GATES: [&str; 4] = [
    "bare",
    "exeat-api",
    "axum-jwt-auth-cors",
    "tower-oauth2-cors",
];

/// Requests of one kind, to one set of servers.
struct Scene {
    name: String,
    alg: Algorithm,
    requests: Vec<Vec<u8>>,
    servers: &'static [&'static str],
}

pub fn measure(run: &Run, figures: &mut Figures) -> anyhow::Result<()> {
    let (rounds, time) = if run.quick {
        (3, Duration::from_millis(100))
    } else {
        (11, Duration::from_millis(400))
    };
    let tokens = Tokens::read(&run.folder)?;
    let scenes = scenes(&tokens)?;
    let mut raw = RawCheck::start(run)?;
    let mut servers = BTreeMap::new();
    for name in scenes.iter().flat_map(|scene| scene.servers) {
        if !servers.contains_key(name) {
            servers.insert(*name, start(run, name)?);
        }
    }
    // Each server goes on where it stopped: a token that it sees again was forgotten by any cache of 10,000 in between.
    let mut queues: BTreeMap<(&str, &str), Requests<'_>> = BTreeMap::new();
    // The first round warms up, and is not kept.
    let mut costs: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for round in 0..=rounds {
        for scene in &scenes {
            let mut keep = |name: String, nanoseconds: f64| {
                if round > 0 {
                    costs.entry(name).or_default().push(nanoseconds);
                }
            };
            keep(format!("{}.raw", scene.name), raw.time(scene.alg, time)?);
            for name in scene.servers {
                let server = servers.get_mut(name).context("started above")?;
                let requests = queues
                    .entry((&scene.name, name))
                    .or_insert_with(|| Requests::new(&scene.requests));
                let cost = server
                    .load(requests, time)
                    .with_context(|| format!("{} {name}", scene.name))?;
                keep(format!("{}.{name}", scene.name), cost.nanoseconds);
            }
        }
    }
    for scene in &scenes {
        for name in scene.servers {
            let bare = if ["jose", "fast-jwt", "fast-jwt-cache"].contains(name) {
                "node"
            } else {
                "bare"
            };
            let of = |name: &str| {
                costs
                    .get(&format!("{}.{name}", scene.name))
                    .context("measured above")
            };
            let (all, bare, raw) = (of(name)?, of(bare)?, of("raw")?);
            let added = difference(all, bare);
            let figure = format!("http.{}.{name}", scene.name);
            figures.insert(figure.clone(), median(all.clone())?);
            figures.insert(format!("{figure}.ratio"), median(ratios(&added, raw))?);
            if scene.servers.contains(&"raw-check") {
                let least = difference(of("raw-check")?, of("bare")?);
                figures.insert(
                    format!("{figure}.in-place"),
                    median(ratios(&added, &least))?,
                );
            }
            figures.insert(format!("{figure}.added"), median(added)?);
        }
    }
    Ok(())
}

/// Round by round.
fn difference(all: &[f64], less: &[f64]) -> Vec<f64> {
    all.iter().zip(less).map(|(all, less)| all - less).collect()
}

/// Round by round.
fn ratios(all: &[f64], by: &[f64]) -> Vec<f64> {
    all.iter().zip(by).map(|(all, by)| all / by).collect()
}

fn scenes(tokens: &Tokens) -> anyhow::Result<Vec<Scene>> {
    let scene = |kind: &str, alg: Algorithm, count: usize, page, servers| {
        let path = format!("/{}", alg.name());
        let tokens = tokens.of(alg)?.iter().take(count);
        anyhow::Ok(Scene {
            name: format!("{}.{kind}", alg.name()),
            alg,
            requests: tokens.map(|token| request(&path, token, page)).collect(),
            servers,
        })
    };
    Ok(vec![
        scene("reused", Algorithm::Rs256, 1, None, &TOKEN_GATES)?,
        scene("page", Algorithm::Rs256, 1, Some(PAGE), &PAGE_GATES)?,
        scene("distinct", Algorithm::Rs256, usize::MAX, None, &TOKEN_GATES)?,
        scene("distinct", Algorithm::Es256, usize::MAX, None, &TOKEN_GATES)?,
        scene("distinct", Algorithm::EdDsa, usize::MAX, None, &TOKEN_GATES)?,
    ])
}

fn start(run: &Run, name: &str) -> anyhow::Result<Server> {
    match name {
        "node" | "jose" | "fast-jwt" | "fast-jwt-cache" => {
            Server::start(run.node("server.mjs").arg(name).arg(&run.folder))
        }
        _ => Server::start(&mut run.server(name)),
    }
}

/// The raw check in a process beside the servers.
struct RawCheck {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl RawCheck {
    fn start(run: &Run) -> anyhow::Result<Self> {
        let mut child = run
            .server("raw")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let stdin = child.stdin.take().context("stdin is piped")?;
        let stdout = BufReader::new(child.stdout.take().context("stdout is piped")?);
        let mut raw = Self {
            child,
            stdin,
            stdout,
        };
        raw.hear("ready")?;
        Ok(raw)
    }

    /// Nanoseconds of one check, over as many as fill about a quarter of `time`.
    fn time(&mut self, alg: Algorithm, time: Duration) -> anyhow::Result<f64> {
        let checks = u32::try_from(time.as_micros() / 200)?.max(1);
        let before = processor_time(self.child.id())?;
        writeln!(self.stdin, "{} {checks}", alg.name())?;
        self.hear("done")?;
        let spent = processor_time(self.child.id())?.saturating_sub(before);
        Ok(spent.as_secs_f64() * 1e9 / f64::from(checks))
    }

    fn hear(&mut self, word: &str) -> anyhow::Result<()> {
        let mut line = String::new();
        self.stdout.read_line(&mut line)?;
        ensure!(line.trim() == word, "the raw check says {line}");
        Ok(())
    }
}

impl Drop for RawCheck {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
