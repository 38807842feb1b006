use super::complete;
use crate::commands::testing::Bench;

#[test]
fn words_are_completed() {
    let mut bench = Bench::new();
    for name in ["bootargs", "bootcmd", "serverip"] {
        bench.context.env.set(name, "x").unwrap();
    }
    bench.context.shell.locals.set("local", "x").unwrap();
    for (before, text, count) in [
        ("ech", "o ", 1),
        ("echo", " ", 1),
        ("boot", "", 6),
        ("booti; prin", "tenv ", 1),
        ("printenv se", "rverip ", 1),
        ("printenv ", "", 3),
        ("run b", "oot", 2),
        ("echo $ser", "verip ", 1),
        ("echo <0x${bootc", "md} ", 1),
        ("env prin", "t ", 1),
        ("env print se", "rverip ", 1),
        ("env set boota", "rgs ", 1),
        ("editenv se", "rverip ", 1),
        ("fdt mkn", "ode ", 1),
        ("fdt print /cho", "", 0),
        ("setenv x $loc", "al ", 1),
        ("source ", "", 0),
        ("run x; env ex", "", 2),
        ("nonsense x", "", 0),
        ("nonsen", "", 0),
        ("echo ech", "", 0),
        ("echo $é", "", 0),
    ] {
        let completion = complete(&bench.context, before);
        assert_eq!(completion.text.trim_end(), text.trim_end(), "{before}");
        assert_eq!(completion.candidates.len(), count, "{before}");
    }
}
