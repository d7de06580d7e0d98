//! What is taught, to whom and how: the words that licences, filings and public records share.

use serde::{Deserialize, Serialize};

/// A closed list of words with their names in both languages.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($variant:ident: $zh:literal, $en:literal;)+ }) => {
        $(#[$doc])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, strum::Display,
            strum::EnumString, strum::EnumIter, strum::IntoStaticStr, strum::VariantArray,
        )]
        #[serde(rename_all = "snake_case")]
        #[strum(serialize_all = "snake_case")]
        pub enum $name { $($variant,)+ }

        impl $name {
            /// The name shown to people, in Chinese.
            pub fn zh(self) -> &'static str {
                match self { $($name::$variant => $zh,)+ }
            }

            /// The name shown to people, in English.
            pub fn en(self) -> &'static str {
                match self { $($name::$variant => $en,)+ }
            }
        }
    };
}

pub(crate) use words;

words! {
    /// What kind of training it is; decides the competent department.
    Category {
        Academic: "学科类", "academic";
        Arts: "文化艺术类", "arts";
        Sports: "体育类", "sports";
        SciTech: "科技类", "science and technology";
        Vocational: "职业技能类", "vocational";
        Childcare: "托育类", "childcare";
        Comprehensive: "综合实践类", "comprehensive";
    }
}

words! {
    /// Who is taught.
    Stage {
        Preschool: "学龄前", "preschool";
        Primary: "小学", "primary";
        Junior: "初中", "junior secondary";
        Senior: "普通高中", "senior secondary";
        Adult: "成人", "adult";
    }
}

words! {
    /// How it is taught; licences are separate.
    Delivery {
        Offline: "线下", "on site";
        Online: "线上", "online";
    }
}
