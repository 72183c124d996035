"""Programs in other languages: compiled once, run per test, and told apart from what is none."""

from __future__ import annotations

import asyncio

import pytest

from darkhorse.sandbox.client import SandboxClient
from darkhorse.sandbox.languages import java_file, java_main
from darkhorse.sandbox.protocol import RunLimits
from sandboxed import Execute, Judge, text

ROOMY = RunLimits(wall_s=10, cpu_s=10, memory_mb=512)
ADDERS = {
    "python": "print(sum(map(int, input().split())))",
    "python-numpy": "import numpy as np\nprint(np.array(input().split(), int).sum())",
    "c": '#include <stdio.h>\nint main(void){int a,b;scanf("%d %d",&a,&b);printf("%d\\n",a+b);return 0;}',
    "cpp": "#include <bits/stdc++.h>\nint main(){int a,b;std::cin>>a>>b;std::cout<<a+b<<std::endl;}",
    "javascript": 'const [a,b]=require("fs").readFileSync(0,"utf8").split(" ").map(Number);console.log(a+b)',
    "bash": "read a b; echo $((a+b))",
    "rust": "use std::io;fn main(){let mut s=String::new();io::stdin().read_line(&mut s).unwrap();"
    'println!("{}",s.split_whitespace().map(|x|x.parse::<i32>().unwrap()).sum::<i32>());}',
    "go": 'package main\nimport "fmt"\nfunc main(){var a,b int;fmt.Scan(&a,&b);fmt.Println(a+b)}',
    "java": "import java.util.*;class Helper{static int sum(int a,int b){return a+b;}}\npublic class Adder{"
    "public static void main(String[] x){Scanner s=new Scanner(System.in);"
    "System.out.println(Helper.sum(s.nextInt(),s.nextInt()));}}",
}
BROKEN = {"c": "int main(void){return x;}", "cpp": "int main(){", "rust": "fn main(){x}", "java": "class A{", "go": "x"}
BROKEN |= {"python": "print("}


@pytest.mark.parametrize("language", ADDERS)
def test_each_language(client: SandboxClient, judge: Judge, language: str) -> None:
    if language not in asyncio.run(client.health()).languages:
        pytest.skip(f"this machine has no toolchain for {language}")
    tests = [text("1 2\n", "3"), text("30 4\n", "34"), text("5 5\n", "11")]
    result = judge(ADDERS[language], *tests, language=language, limits=ROOMY)
    assert [test.status for test in result.tests] == ["accepted", "accepted", "wrong_answer"]
    if language in BROKEN:
        broken = judge(BROKEN[language], *tests, language=language, limits=ROOMY)
        assert broken.status == "compile_error"
        assert all(test.status == "compile_error" for test in broken.tests)
        if language != "python":
            assert broken.compile is not None and broken.compile.output


def test_a_source_is_compiled_once(execute: Execute) -> None:
    source = '#include <cstdio>\nint main(){puts("once");}'
    first, second = (execute(source, language="cpp", limits=ROOMY) for _ in range(2))
    assert first.stdout == second.stdout == "once\n"
    assert first.compile is not None and second.compile is not None
    assert (first.compile.cached, second.compile.cached) == (False, True)


def test_a_language_the_machine_lacks_is_a_bad_request(execute: Execute, client: SandboxClient) -> None:
    known = asyncio.run(client.health()).languages
    lacking = next((name for name in ADDERS if name not in known), None)
    if lacking is None:
        pytest.skip("this machine has them all")
    with pytest.raises(Exception, match=f"no toolchain for '{lacking}'"):
        execute("x", language=lacking)


def test_endings_of_compiled_programs(execute: Execute) -> None:
    limits = RunLimits(wall_s=2, cpu_s=1, memory_mb=128, output_kb=16)
    for body, status in (
        ("return 3;", "runtime_error"),
        ("for(;;);", "time_limit"),
        ('for(;;) std::cout << "xxxxxxxxxxxxxxxxxxxxxxxx";', "output_limit"),
        ("std::vector<char> v(1ull << 36, 1); return v[7];", "memory_limit"),
        ("int *p = nullptr; *p = 1;", "runtime_error"),
        ("throw 1;", "runtime_error"),
    ):
        source = f"#include <bits/stdc++.h>\nint main(){{ {body} }}"
        assert execute(source, language="cpp", limits=limits).status == status, body
    assert execute("let a=[];for(;;)a.push(new Array(1000).fill(1.5))", language="javascript",
                   limits=RunLimits(wall_s=10, cpu_s=10, memory_mb=128)).status == "memory_limit"  # fmt: skip


def test_names_of_java_files_and_classes() -> None:
    assert java_file("class A{} public final class B { }") == "B"
    assert java_file("class A{}") == "Main"
    assert java_main("class A{} class B { public static void main(String[] a) {} } class C {}") == "B"
    assert java_main("public class A { }") == "A"
