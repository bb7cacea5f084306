//! Whatever is edited, in whatever order: what is in memory is what a restart finds.

use proptest::prelude::*;
use proptest::strategy::Strategy;

use super::*;

/// One step, with small numbers so that steps meet.
#[derive(Clone, Debug)]
enum Step {
    AddKey { provider: i64, name: u8, secret: u8 },
    ChangeKey { key: i64, name: u8, weight: u32 },
    DeleteKey(i64),
    RestoreKey(i64),
    AddProvider { name: u8, default: bool },
    DeleteProvider(i64),
    RestoreProvider(i64),
    AddModel { name: u8, provider: i64 },
    DeleteModel(i64),
    RestoreModel(i64),
}

fn step() -> impl Strategy<Value = Step> {
    let (id, small) = (1..6i64, 0..4u8);
    prop_oneof![
        3 => (1..4i64, small.clone(), small.clone()).prop_map(|(provider, name, secret)| Step::AddKey { provider, name, secret }),
        3 => (id.clone(), small.clone(), 0..1002u32).prop_map(|(key, name, weight)| Step::ChangeKey { key, name, weight }),
        1 => id.clone().prop_map(Step::DeleteKey),
        1 => id.clone().prop_map(Step::RestoreKey),
        2 => (small.clone(), any::<bool>()).prop_map(|(name, default)| Step::AddProvider { name, default }),
        1 => id.clone().prop_map(Step::DeleteProvider),
        1 => id.clone().prop_map(Step::RestoreProvider),
        1 => (small, 1..4i64).prop_map(|(name, provider)| Step::AddModel { name, provider }),
        1 => id.clone().prop_map(Step::DeleteModel),
        1 => id.prop_map(Step::RestoreModel),
    ]
}

fn take(edit: &mut Edit<'_>, step: Step) -> Result<(), StoreError> {
    match step {
        Step::AddKey { provider, name, secret } => {
            edit.create(key(ProviderId(provider), &format!("k{name}"), &format!("sk-{secret}"))).map(drop)
        }
        Step::ChangeKey { key, name, weight } => edit
            .update::<Key>(KeyId(key), None, |key| {
                key.name = format!("k{name}");
                key.weight = weight;
                Ok(())
            })
            .map(drop),
        Step::DeleteKey(id) => edit.delete::<Key>(KeyId(id), None),
        Step::RestoreKey(id) => edit.restore::<Key>(KeyId(id)).map(drop),
        Step::AddProvider { name, default } => {
            edit.create(Provider { is_default: default, ..provider(&format!("p{name}")) }).map(drop)
        }
        Step::DeleteProvider(id) => edit.delete::<Provider>(ProviderId(id), None),
        Step::RestoreProvider(id) => edit.restore::<Provider>(ProviderId(id)).map(drop),
        Step::AddModel { name, provider } => edit.create(model(&format!("m{name}"), ProviderId(provider))).map(drop),
        Step::DeleteModel(id) => edit.delete::<Model>(ModelId(id), None),
        Step::RestoreModel(id) => edit.restore::<Model>(ModelId(id)).map(drop),
    }
}

fn check(catalog: &Catalog) {
    let names: Vec<_> = catalog.all::<Key>().map(|row| (row.value.provider, row.value.name.clone())).collect();
    let mut unique = names.clone();
    unique.sort();
    unique.dedup();
    assert_eq!(unique.len(), names.len(), "names are unique");
    assert!(catalog.all::<Key>().all(|row| catalog.get::<Provider>(row.value.provider).is_some()), "no key without provider");
    assert!(catalog.all::<Provider>().filter(|row| row.value.is_default).count() <= 1, "one default");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn memory_is_what_a_restart_finds(steps in prop::collection::vec(step(), 1..40)) {
        let mut folder = Folder::new();
        folder.edit(|edit| edit.create(provider("p0"))).unwrap();
        for step in steps {
            let before = picture(&folder.store().catalog());
            if folder.edit(move |edit| take(edit, step)).is_err() {
                prop_assert_eq!(&before, &picture(&folder.store().catalog()), "a refused edit changes nothing");
            }
            check(&folder.store().catalog());
        }
        let before = picture(&folder.store().catalog());
        folder.reopen();
        prop_assert_eq!(before, picture(&folder.store().catalog()));
    }
}
