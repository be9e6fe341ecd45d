//! Children that answer wrongly, or not at all.

use tribunal_api::{Question, SourceError};

use super::fixture::{ask, bounded, broken, serving, source, unreachable, without_script};

#[tokio::test]
async fn a_child_that_dies_is_started_again_and_its_question_may_be_asked_again() {
    let folder = tempfile::tempdir().unwrap();
    let mark = folder.path().join("mark");
    let source = source(&serving(&format!(
        "score() {{ [ -e '{0}' ] || {{ : > '{0}'; say 'CUDA error' >&2; kill -SEGV $$; }}; say \"{{\\\"id\\\":$id,\\\"scores\\\":[[7]]}}\"; }}",
        mark.display()
    )));
    let expect = "the plugin `SCRIPT` ended with signal 11 (SIGSEGV)\nthe end of its standard error:\n  CUDA error";
    assert_eq!(without_script(&unreachable(ask(&*source).await)), expect);
    assert_eq!(ask(&*source).await, Ok(7.0));
}

#[tokio::test]
async fn a_child_is_not_started_again_for_ever() {
    let folder = tempfile::tempdir().unwrap();
    let starts = folder.path().join("starts");
    let mut spec = serving(&format!("say start >> '{}'; score() {{ exit 4; }}", starts.display()));
    spec.restarts = 2;
    let source = source(&spec);
    for _ in 0..3 {
        let message = unreachable(ask(&*source).await);
        assert!(message.contains("ended with exit status 4"), "{message}");
    }
    for _ in 0..2 {
        let message = without_script(&broken(ask(&*source).await));
        let expect = "the plugin `SCRIPT` is not started again, since it ended 3 times without an answer in between (`restarts` is 2); the last time: \
            the plugin `SCRIPT` ended with exit status 4";
        assert_eq!(message, expect);
    }
    assert_eq!(std::fs::read_to_string(starts).unwrap().lines().count(), 3);
}

#[tokio::test]
async fn an_answer_in_between_makes_a_child_trusted_again() {
    let mut spec = serving(
        "n=0; score() { n=$((n+1)); [ $n = 2 ] && exit 1; say \"{\\\"id\\\":$id,\\\"scores\\\":[[1]]}\"; }",
    );
    spec.restarts = 1;
    let source = source(&spec);
    for _ in 0..4 {
        assert_eq!(ask(&*source).await, Ok(1.0));
        unreachable(ask(&*source).await);
    }
}

/// What comes of a child that writes this in place of an answer.
async fn violation(score: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let mark = folder.path().join("mark");
    let mark = mark.display();
    // Only the first child does it, so that the second shows that the source lives on.
    let source = source(&serving(&format!(
        "wrong() {{ {score}; }}\nscore() {{ if [ -e '{mark}' ]; then say \"{{\\\"id\\\":$id,\\\"scores\\\":[[1]]}}\"; else : > '{mark}'; wrong; fi; }}"
    )));
    let message = broken(ask(&*source).await);
    assert_eq!(ask(&*source).await, Ok(1.0));
    let (_, what) = without_script(&message)
        .split_once("` broke the protocol: ")
        .map(|(a, b)| (a.to_owned(), b.to_owned()))
        .unwrap();
    what
}

#[tokio::test]
async fn what_cannot_be_assigned_ends_the_child() {
    for (score, expect) in [
        ("say 'step 1 of 2'", "it wrote what is no JSON object: `step 1 of 2`"),
        ("say ''", "it wrote what is no JSON object: ``"),
        ("say '{\"scores\":[[1]]}'", "it wrote a reply without an `id`: `{\"scores\":[[1]]}`"),
        ("say '{\"id\":99}'", "it answered the request 99, which was never asked: `{\"id\":99}`"),
        ("say '{\"id\":1}'", "it answered the request 1, which was answered before: `{\"id\":1}`"),
        (
            "say \"{\\\"id\\\":$id,\\\"scores\\\":[[NaN]]}\"",
            "it wrote `NaN`, which is not JSON (write `null` for a number that is not finite): `{\"id\":3,\"scores\":[[NaN]]}`",
        ),
        (
            "printf '{\"id\":'; exit 0",
            "it ended with exit status 0 in the middle of a line: `{\"id\":`",
        ),
        ("printf '\\377\\n'", "it wrote what is no UTF-8: `\u{FFFD}`"),
    ] {
        assert_eq!(violation(score).await, expect);
    }
}

#[tokio::test]
async fn a_second_answer_ends_the_child() {
    let source = source(&serving(
        "score() { say \"{\\\"id\\\":$id,\\\"scores\\\":[[1]]}\"; say \"{\\\"id\\\":$id,\\\"scores\\\":[[2]]}\"; }",
    ));
    assert_eq!(ask(&*source).await, Ok(1.0));
    // The child is ended, now or soon, and another one answers.
    for _ in 0..3 {
        if let Err(error) = ask(&*source).await {
            assert!(error.to_string().contains("which was answered before"), "{error}");
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn a_line_without_end_is_cut_at_64_mib() {
    let score = "head -c 70000000 /dev/zero | tr '\\0' 'x'";
    let what = violation(score).await;
    assert!(what.starts_with("it wrote a line of more than 64 MiB: `xxx"), "{}", &what[..100]);
    assert!(what.len() < 400);
}

#[tokio::test]
async fn a_crash_in_the_middle_of_a_line_is_a_crash() {
    let source = source(&serving("score() { printf '{\"id\":'; kill -ABRT $$; }"));
    let message = unreachable(ask(&*source).await);
    assert!(message.contains("ended with signal 6 (SIGABRT)"), "{message}");
}

#[tokio::test]
async fn too_few_answers_are_broken_and_the_child_lives() {
    let source = source(&serving(
        "n=0; score() { n=$((n+1)); if [ $n = 1 ]; then say \"{\\\"id\\\":$id,\\\"scores\\\":[[1],[1]]}\"; else say \"{\\\"id\\\":$id,\\\"scores\\\":[[1]]}\"; fi; }",
    ));
    let batch = [Question::of_text("p", &["a"]), Question::of_text("p", &["a", "b"])];
    let answers = bounded(source.score(&batch)).await.into_vec();
    assert!(answers[0].is_ok());
    let Err(SourceError::Broken { message }) = &answers[1] else { panic!("{answers:?}") };
    assert!(message.ends_with("gave 1 score for 2 candidates"), "{message}");
    for answer in bounded(source.score(&batch)).await.into_vec() {
        let Err(SourceError::Broken { message }) = answer else { panic!("{answer:?}") };
        assert!(message.ends_with("gave 1 answer for 2 questions"), "{message}");
    }
    assert_eq!(ask(&*source).await, Ok(1.0));
}

#[tokio::test]
async fn an_error_of_the_request_keeps_its_kind() {
    let source = source(&serving(
        "score() { say \"{\\\"id\\\":$id,\\\"error\\\":{\\\"code\\\":\\\"busy\\\",\\\"message\\\":\\\"later\\\",\\\"wait\\\":1.5}}\"; }",
    ));
    let expect = SourceError::Busy {
        wait: Some(std::time::Duration::from_millis(1500)),
        remaining: None,
        message: "later".to_owned(),
    };
    assert_eq!(ask(&*source).await, Err(expect));
}

#[tokio::test]
async fn a_child_that_closes_a_pipe_and_goes_on_is_ended() {
    let source = source(&serving("score() { exec 1>&-; sleep 30; }"));
    let message = unreachable(ask(&*source).await);
    assert!(message.contains("was ended: it closed its standard output"), "{message}");
}
