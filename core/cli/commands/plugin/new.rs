//! `tribunal plugin new`: a project that builds, passes its check and runs, with nothing needed from elsewhere but a compiler.

mod names;
mod project;

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::args::PluginNewArgs;
use crate::exit::{Exit, Failure, print, quoted_path, tell};

use project::Project;

/// Writes the project and says what to do next.
pub(super) fn new(args: &PluginNewArgs) -> Result<Exit, Failure> {
    let component = args.component.into();
    names::check(&args.name, args.lang, component)?;
    let project = Project::of(&args.name, args.lang, component)?;
    let folder = args.out.clone().unwrap_or_else(|| PathBuf::from(&args.name));
    must_be_free(&folder)?;
    for (path, text) in &project.files {
        put(&folder.join(path), text)?;
    }
    let enter = format!("cd {}", quoted_path(&folder));
    let next: Vec<&str> = std::iter::once(enter.as_str())
        .chain(project.commands.iter().map(String::as_str))
        .collect();
    if args.json {
        let files: Vec<&str> = project.files.iter().map(|(path, _)| path.as_str()).collect();
        print(&format!(
            "{:#}\n",
            json!({
                "schema": "tribunal-plugin-new/1",
                "folder": folder,
                "source": project.source,
                "files": files,
                "next": next,
            })
        ))?;
        return Ok(Exit::Success);
    }
    tell(&format!("wrote {} files to {}", project.files.len(), quoted_path(&folder)));
    tell(&format!("your own code goes into {}", quoted_path(&folder.join(&project.source))));
    tell("next:");
    for command in next {
        tell(&format!("  {command}"));
    }
    Ok(Exit::Success)
}

/// Refuses a folder that holds something.
fn must_be_free(folder: &Path) -> Result<(), Failure> {
    let taken = match fs::read_dir(folder) {
        Ok(mut entries) => entries.next().is_some(),
        Err(_) => fs::symlink_metadata(folder).is_ok(),
    };
    if taken {
        return Err(Failure::usage(
            format!("`{}` exists already and is not an empty folder", folder.display()),
            "name another folder with `-o FOLDER`, or remove this one",
        ));
    }
    Ok(())
}

fn put(path: &Path, text: &str) -> Result<(), Failure> {
    let made = path.parent().map_or(Ok(()), fs::create_dir_all);
    made.and_then(|()| fs::write(path, text)).map_err(|cause| {
        Failure::new(Exit::Internal, format!("cannot write `{}`: {cause}", path.display()), None)
    })
}
