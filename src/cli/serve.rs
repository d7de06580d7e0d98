//! `mingjian serve`: the service, in one process with its background work.

use std::{path::PathBuf, sync::Arc, time::Duration};

use actix_web::{App, HttpResponse, HttpServer, web};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

use super::{CommandResult, Outcome, Refusal, print_line};
use crate::{
    config::{self, Storage},
    db::{Database, roles::Role},
    demo,
    escrow::folders,
    identity::tokens::signing,
    jobs,
    web::{AppState, app, news},
};

/// Arguments.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: mingjian serve --listen 127.0.0.1:8080 --data /var/lib/mingjian")]
pub struct Args {
    #[command(flatten)]
    pub storage: Storage,
    #[command(flatten)]
    pub service: config::Service,
    /// Load demonstration counties when the database is empty, and print their sign-ins
    #[arg(long)]
    pub demo: bool,
    /// Folder with one folder for each bureau, named by its division code (331002); statements that are put into one are taken
    /// in and moved to done/ or refused/ inside it
    #[arg(long, env = "MINGJIAN_STATEMENTS", value_name = "DIR")]
    pub statements: Option<PathBuf>,
}

/// Serves until SIGTERM or SIGINT; requests under way are finished first.
pub fn run(args: Args) -> CommandResult {
    let runtime = super::runtime()?;
    let database = runtime.block_on(Database::open(&args.storage)).map_err(Refusal::new)?;
    let clock = args.service.clock();
    let state = AppState::new(&database, args.service, clock).map_err(Refusal::new)?;
    let now = state.clock.now();
    runtime.block_on(signing::load(&state.pools, &state.secrets, &state.tokens, now)).map_err(Refusal::new)?;
    if args.demo {
        runtime.block_on(demo::load_if_empty(&state)).map_err(Refusal::new)?;
    }
    // One connection apart from the pools, because it listens for as long as the process lives.
    let listening =
        Role::Worker.config(database.admin(), args.storage.database_url.as_ref().map(|_| &database.secrets));
    runtime.spawn(news::listen(state.clone(), listening));
    runtime.spawn(jobs::run(state.clone()));
    if let Some(root) = args.statements {
        if !root.is_dir() {
            return Err(Refusal::new(format!(
                "--statements {}: there is no such folder; make it first",
                root.display()
            )));
        }
        runtime.spawn(folders::watch(state.clone(), root));
    }
    let metrics = PrometheusBuilder::new().install_recorder().map_err(Refusal::new)?;
    let served = actix_web::rt::System::new().block_on(serve(state, args.demo, metrics));
    runtime.shutdown_timeout(Duration::from_secs(2));
    drop(database);
    served
}

async fn serve(state: AppState, demo: bool, metrics: PrometheusHandle) -> CommandResult {
    let service = Arc::clone(&state.service);
    let server = HttpServer::new({
        let (state, census) = (state.clone(), Arc::default());
        move || app::app(state.clone(), Arc::clone(&census))
    })
    .workers(service.workers.max(1))
    .shutdown_timeout(3)
    .bind(&service.listen)
    .map_err(|e| Refusal::new(format!("{}: {e}; choose another address with --listen", service.listen)))?;
    let address = server.addrs().first().map_or_else(|| service.listen.clone(), ToString::to_string);
    let server = server.run();
    if let Some(listen) = &service.metrics_listen {
        actix_web::rt::spawn(metrics_server(listen, metrics)?);
    }
    if demo {
        for line in demo::sign_ins() {
            print_line(&line)?;
        }
    }
    print_line(&format!("mingjian serves http://{address}"))?;
    server.await.map_err(|e| Refusal::new(format!("the service ended: {e}")))?;
    Ok(Outcome::Done)
}

fn metrics_server(listen: &str, handle: PrometheusHandle) -> Result<actix_web::dev::Server, Refusal> {
    Ok(HttpServer::new(move || {
        let handle = handle.clone();
        App::new().route(
            "/metrics",
            web::get().to(move || {
                let text = handle.render();
                async move { HttpResponse::Ok().content_type("text/plain; version=0.0.4").body(text) }
            }),
        )
    })
    .workers(1)
    .disable_signals()
    .bind(listen)
    .map_err(|e| Refusal::new(format!("{listen}: {e}; choose another address with --metrics-listen")))?
    .run())
}
