//! Rows of other gateways, in every shape in which people have them.

use secrecy::ExposeSecret;

use super::*;

/// Each entry as one line.
fn shown(gateway: Gateway, text: &str) -> Vec<String> {
    let rows = read_foreign_rows(text).unwrap();
    let show = |entry: ForeignEntry| match entry.found {
        Err(fault) => format!("{}: ! {fault}", entry.place),
        Ok(ForeignKey { destination, key, priority, disabled }) => format!(
            "{}: {} {} {} | {} {:?} {:?} {:?} {:?} {:?} {priority}{}",
            entry.place,
            destination.name,
            destination.base_url.as_deref().unwrap_or("-"),
            destination.auth.to_text(),
            key.secret.expose_secret(),
            key.name.as_deref().unwrap_or("-"),
            key.tags,
            key.weight,
            key.models,
            key.account.as_deref().unwrap_or("-"),
            disabled.map(|why| format!(" {why}")).unwrap_or_default()
        ),
    };
    read_foreign_keys(gateway, &rows).into_iter().map(show).collect()
}

#[test]
fn channels_of_one_api() {
    let text = r#"[
        {"id":1,"type":1,"key":"sk-a","status":1,"name":"main","weight":0,"base_url":"","models":"gpt-4o,gpt-4","group":"default,vip",
         "model_mapping":"{\"gpt-4\":\"gpt-4-0613\"}","priority":10},
        {"id":2,"type":40,"key":"sk-b\nsk-c","status":1,"name":"ark","weight":7,"base_url":null,"models":"","group":"","priority":null},
        {"id":3,"type":14,"key":"sk-d","status":3,"name":"claude","base_url":"https://claude.example/","models":"c","group":"default"},
        {"id":4,"type":50,"key":"sk-e","status":2,"name":"mine","base_url":"https://h/api/paas/v4/","models":"m","group":"default"},
        {"id":5,"type":3,"key":"k","status":1,"name":"az","base_url":"https://res.openai.azure.com","models":"m","group":"default"},
        {"id":6,"type":33,"key":"ak|sk","status":1,"name":"aws","models":"m","group":"default"},
        {"id":7,"type":8,"key":"","status":1,"name":"empty","base_url":"https://h/v1","models":"m","group":"default"},
        {"id":8,"type":8,"key":"sk-f","status":1,"name":"nowhere","base_url":"","models":"m","group":"default"},
        {"id":9,"type":8,"key":"sk-\u200bg","status":1,"name":"stray","base_url":"https://h/v1","models":"m","group":"default"}
    ]"#;
    assert_eq!(
        shown(Gateway::OneApi, text),
        [
            r#"channel 1: openai https://api.openai.com/v1 bearer | sk-a "main" ["default", "vip"] None Some(["gpt-4o", "gpt-4-0613"]) "-" -10"#,
            r#"channel 2: volcengine https://ark.cn-beijing.volces.com/api/v3 bearer | sk-b "ark-1" [] Some(7) None "-" 0"#,
            r#"channel 2: volcengine https://ark.cn-beijing.volces.com/api/v3 bearer | sk-c "ark-2" [] Some(7) None "-" 0"#,
            r#"channel 3: anthropic https://claude.example/v1 x-api-key | sk-d "claude" ["default"] None Some(["c"]) "-" 0 disabled by the gateway"#,
            r#"channel 4: openai-compatible https://h/api/paas/v4 bearer | sk-e "mine" ["default"] None Some(["m"]) "-" 0 disabled by hand"#,
            r#"channel 5: azure https://res.openai.azure.com/openai/v1 api-key | k "az" ["default"] None Some(["m"]) "-" 0"#,
            "channel 6: ! a channel of type 33 does not speak the OpenAI API, or needs more than a key",
            "channel 7: ! there is no key in this row: give the gateway's database file, or a dump of its tables with the column `key`",
            "channel 8: ! it has no base URL",
            "channel 9: ! character 4 is U+200B (a zero-width space), which no key contains",
        ]
    );
}

#[test]
fn channels_of_new_api_hold_several_keys_and_plans() {
    let text = r#"{"success":true,"data":{"total":3,"items":[
        {"id":1,"type":43,"key":"sk-a\nsk-b","status":1,"name":"deep","tag":"cheap","group":"default","models":"m","priority":0,
         "openai_organization":"org-1","channel_info":{"is_multi_key":true,"multi_key_status_list":{"1":3}}},
        {"id":2,"type":26,"key":"sk-c","status":1,"name":"glm","base_url":"glm-coding-plan","group":"default","models":"m",
         "channel_info":"{\"is_multi_key\":false}"},
        {"id":3,"type":8,"key":"sk-d","status":1,"name":"full","base_url":"https://h/x/v2/chat/completions","group":"","models":"m"},
        {"id":4,"type":8,"key":"sk-e","status":1,"name":"per model","base_url":"https://h/{model}/run","group":"","models":"m"},
        {"id":5,"type":1,"key":"[\"sk-f\",\"sk-g\"]","status":1,"name":"list","base_url":"","group":"","models":"m"}
    ]}}"#;
    assert_eq!(
        shown(Gateway::NewApi, text),
        [
            r#"channel 1: deepseek https://api.deepseek.com/v1 bearer | sk-a "deep-1" ["default", "cheap"] None Some(["m"]) "org-1" 0"#,
            r#"channel 1: deepseek https://api.deepseek.com/v1 bearer | sk-b "deep-2" ["default", "cheap"] None Some(["m"]) "org-1" 0 disabled by the gateway"#,
            r#"channel 2: zhipu https://open.bigmodel.cn/api/coding/paas/v4 bearer | sk-c "glm" ["default"] None Some(["m"]) "-" 0"#,
            r#"channel 3: custom https://h/x/v2 bearer | sk-d "full" [] None Some(["m"]) "-" 0"#,
            "channel 4: ! an address with the model in it does not speak the OpenAI API, or needs more than a key",
            r#"channel 5: openai https://api.openai.com/v1 bearer | sk-f "list-1" [] None Some(["m"]) "-" 0"#,
            r#"channel 5: openai https://api.openai.com/v1 bearer | sk-g "list-2" [] None Some(["m"]) "-" 0"#,
        ]
    );
    // The same number is another vendor in the other gateway.
    let text = r#"[{"id":1,"type":40,"key":"sk-a","status":1}]"#;
    assert!(shown(Gateway::NewApi, text)[0].contains("https://api.siliconflow.cn/v1"));
    assert!(shown(Gateway::OneApi, text)[0].contains("https://ark.cn-beijing.volces.com/api/v3"));
}

#[test]
fn groups_and_keys_of_gpt_load() {
    let sealed = "ab".repeat(40);
    let plain = "cd".repeat(40);
    let text = format!(
        r#"{{"groups":[
            {{"id":1,"name":"pool","channel_type":"openai","upstreams":"[{{\"url\":\"https://a.example\",\"weight\":1}},{{\"url\":\"https://b.example/\",\"weight\":3}}]"}},
            {{"id":2,"name":"claude","channel_type":"anthropic","upstreams":[{{"url":"https://api.anthropic.com","weight":1}}]}},
            {{"id":3,"name":"gem","channel_type":"gemini","upstreams":[{{"url":"https://generativelanguage.googleapis.com","weight":1}}],
              "api_keys":[{{"id":9,"key_value":"AIza-inside","status":"active","notes":""}}]}}
        ],"api_keys":[
            {{"id":1,"key_value":"sk-a","key_hash":"{}","group_id":1,"status":"active","notes":"mine"}},
            {{"id":2,"key_value":"sk-b","group_id":2,"status":"invalid","notes":null}},
            {{"id":3,"key_value":"{sealed}","key_hash":"{}","group_id":1,"status":"active"}},
            {{"id":4,"key_value":"{plain}","key_hash":"{}","group_id":1,"status":"active"}},
            {{"id":5,"key_value":"sk-c","group_id":7,"status":"active"}}
        ]}}"#,
        sha256_hex("sk-a"),
        "ef".repeat(32),
        sha256_hex(&plain),
    );
    let shown = shown(Gateway::GptLoad, &text);
    assert_eq!(
        shown[0],
        r#"key 9: gem https://generativelanguage.googleapis.com/v1beta/openai bearer | AIza-inside "-" ["gem"] None None "-" 0"#
    );
    assert_eq!(shown[1], r#"key 1: pool https://b.example/v1 bearer | sk-a "mine" ["pool"] None None "-" 0"#);
    assert_eq!(
        shown[2],
        r#"key 2: claude https://api.anthropic.com/v1 x-api-key | sk-b "-" ["claude"] None None "-" 0 disabled by the gateway"#
    );
    assert!(shown[3].starts_with("key 3: ! this key is encrypted") && !shown[3].contains(&sealed), "{}", shown[3]);
    assert!(shown[4].contains(&plain), "a key that is hexadecimal digits itself: {}", shown[4]);
    assert_eq!(shown[5], "key 5: ! it belongs to group 7, which is not there: give the table `groups` too, or a provider");
}

#[test]
fn rows_come_as_json_lines_tables_and_dumps() {
    let one = r#"channel 7: openai https://api.openai.com/v1 bearer | sk-a "n" ["default"] Some(2) Some(["a", "b"]) "-" 0"#;
    let row = r#"{"id":7,"type":1,"key":"sk-a","status":1,"name":"n","weight":2,"models":"a,b","group":"default"}"#;
    let dump = format!(
        r#"[{{"type":"header"}},{{"type":"database","name":"x"}},{{"type":"table","name":"channels","data":[{row}]}}]"#
    );
    let csv = "\u{feff}id,Type,key,status,name,weight,base_url,models,group\r\n7,1,sk-a,1,n,2,,\"a,b\",default\r\n";
    let tabs = "id\ttype\tkey\tstatus\tname\tweight\tbase_url\tmodels\tgroup\n7\t1\tsk-a\t1\tn\t2\tNULL\ta,b\tdefault\n";
    for text in [format!("{row}\n{row}\n"), format!("[{row}]"), dump, csv.to_owned(), tabs.to_owned()] {
        assert_eq!(shown(Gateway::OneApi, &text)[0], one, "{text}");
    }
    assert_eq!(read_foreign_rows("[{\"key\":\n}]"), Err(RowsFault::Json { line: 2, column: 1 }));
    for text in ["", "hello", "id,name\n1,a\n"] {
        assert_eq!(read_foreign_rows(text), Err(RowsFault::Unknown), "{text}");
    }
    assert_eq!(read_foreign_rows("{\"data\":[]}"), Ok(vec![]));
}

#[test]
fn every_kind_is_a_base_url() {
    for kind in kinds::ONE_API.iter().chain(kinds::NEW_API) {
        let url = format!("{}{}", if kind.base.is_empty() { "https://h" } else { kind.base }, kind.path);
        let read = crate::domain::BaseUrl::parse(&url, true).unwrap();
        assert_eq!(read.to_string(), url);
        assert!(!kind.name.is_empty() && !kind.name.contains('/'));
    }
    for kinds in [kinds::ONE_API, kinds::NEW_API] {
        assert!(kinds.windows(2).all(|pair| pair[0].number < pair[1].number), "each number stands once");
    }
}
