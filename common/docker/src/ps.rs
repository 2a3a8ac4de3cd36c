//! The arguments of `ps` that a request hands to the engine, which runs it on the host and keeps of what it prints the lines whose
//! word below the title `PID` is of the container. So that word has to be the process's number in every line: nothing is asked for
//! that names a column, leaves the names of the columns out, puts more words than its title before `PID`, or says of which
//! processes. What is left are letters that do none of it, and lists of columns that begin with `pid`.

use crate::refusal::{Refusal, shorten};

/// After a dash: which processes, as far as that is all of them, and formats of single words up to `PID`.
const UNIX: &str = "eAadfFljyLw";
/// Without one. Not among them: e shows environments, f and H are refused by ps beside the engine's own option and make it ask about
/// every process, Z and M put labels first.
const BSD: &str = "auxljvw";

/// Refuses all others.
///
/// # Errors
/// 400.
pub fn check(args: &str) -> Result<(), Refusal> {
    let (mut lists, mut columns_follow) = (0, false);
    for word in args.split_whitespace() {
        let refused = |why: &str| Err(Refusal::bad(format!("query parameter ps_args: {}: {why}", shorten(word))));
        if columns_follow {
            if !is_list(word) {
                return refused("only a list of columns such as pid,user,args may follow an o");
            }
            // Else the engine takes another word for the number of the process.
            if lists == 0 && word.split(',').next() != Some("pid") {
                return refused("pid has to be the first of the columns, such as in pid,user,args");
            }
            (lists, columns_follow) = (lists + 1, false);
            continue;
        }
        let (allowed, options) = match word.strip_prefix('-') {
            // What people write who mean aux.
            Some("aux") => (BSD, "aux"),
            Some(options) => (UNIX, options),
            None => (BSD, word),
        };
        let letters = options.strip_suffix('o').unwrap_or(options);
        if options.is_empty() || !letters.chars().all(|letter| allowed.contains(letter)) {
            return refused(
                "only letters such as -ef, aux and -eo, and a list of columns such as pid,user,args, may be asked for",
            );
        }
        columns_follow = letters.len() < options.len();
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
        for good in [
            "",
            "-ef",
            "aux",
            "-aux",
            "-eo pid,user,args",
            "-o pid -o psr",
            "axo pid,cmd",
            "-eF",
            "-el",
            "-eLf",
            "auxww",
        ] {
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
            // Another word than that of the title stands where the number is looked for.
            "-o lstart,pid,args",
            "-eo user,pid,args",
            "-o psr -o pid",
            "-opid",
            "-ocmd",
            "-O lstart",
            "-eM",
            "-eZ",
            // ps refuses these beside the number of a process, and the engine asks without it.
            "-eH",
            "axf",
            "-eo pid -H",
            // Whole environments.
            "auxe",
            "eww",
            "-em",
            "-oe",
        ] {
            assert!(check(bad).is_err(), "{bad}");
        }
    }
}
