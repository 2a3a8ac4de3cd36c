//! The arguments of `ps` that a request hands to the engine, which runs it on the host and keeps of what it prints the lines whose
//! column `PID` is of the container. So nothing may be asked for that names a column, leaves the names of the columns out, or
//! says of which processes: what is left is letters, and lists of columns.

use crate::refusal::{Refusal, shorten};

/// Refuses all others.
///
/// # Errors
/// 400.
pub fn check(args: &str) -> Result<(), Refusal> {
    let mut columns_follow = false;
    for word in args.split_whitespace() {
        let options = word.strip_prefix('-').unwrap_or(word);
        let letters = !options.is_empty() && options.bytes().all(|byte| byte.is_ascii_alphabetic());
        // Without a dash, h leaves the names out; with one or without, these say which processes, or whose.
        let chooses = options.contains(['p', 'q', 't', 'u', 'U', 'g', 'G', 's', 'C', 'N', 'k', 'h', 'n', 'V']);
        let plain = letters && (!chooses || matches!(options, "aux" | "axu" | "auxww" | "auxw" | "ux" | "u"));
        let is_list = columns_follow && is_list(word);
        if !(plain || is_list) {
            return Err(Refusal::bad(format!(
                "query parameter ps_args: {}: only letters such as -ef, aux and -eo, and a list of columns such as pid,user,args, \
                 may be asked for",
                shorten(word)
            )));
        }
        columns_follow = !is_list && options.ends_with(['o', 'O']);
    }
    Ok(())
}

fn is_list(word: &str) -> bool {
    word.split(',')
        .all(|column| !column.is_empty() && column.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'))
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn columns_have_their_own_names_and_processes_are_those_of_the_container() {
        for good in ["", "-ef", "aux", "-eo pid,user,args", "-o pid -o psr", "axo pid,cmd", "-eF", "-el", "auxww"] {
            assert!(check(good).is_ok(), "{good}");
        }
        for bad in [
            "-osz=PID,pid=REAL,args",
            "-o sz=PID",
            "-o %p",
            "-o pid:5",
            "-p 1",
            "-p1",
            "p 1",
            "--pid 1",
            "--no-headers",
            "-o pid h",
            "axh",
            "1",
            "-1",
            "-o pid pid,args",
            "-",
            "-e -q 1",
            "-eo pid,\u{e9}",
        ] {
            assert!(check(bad).is_err(), "{bad}");
        }
    }
}
